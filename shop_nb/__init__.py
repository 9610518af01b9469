"A synthetic shop, realistic and exactly reproducible at any size."

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what a type checker and an editor see; at run time nothing is imported before it is asked for
    from shop_nb.files.digest import digest as digest
    from shop_nb.generator.blocks import tables as tables
    from shop_nb.behaviour.settings import Settings as Settings
    from shop_nb.core.errors import ShopError as ShopError
    from shop_nb.shop.shop import Shop as Shop
    from shop_nb.shop.counterfactual import twin as twin

__version__ = "0.1.0"

_HOME = dict(
    Shop="shop.shop",
    Settings="behaviour.settings",
    ShopError="core.errors",
    twin="shop.counterfactual",
    tables="generator.blocks",
    digest="files.digest",
)
__all__ = list(_HOME)


def __getattr__(name: str):
    "The names for people, imported when somebody asks for them: `import shop_nb` loads nothing"
    from importlib import import_module
    if name not in _HOME: raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"shop_nb.{_HOME[name]}"), name)


def load_ipython_extension(shell):
    "What `%load_ext shop_nb` calls: `%%ask` from here on"
    from shop_nb.shop import magic
    magic.load_ipython_extension(shell)


def unload_ipython_extension(shell):
    "What `%unload_ext shop_nb` calls"
    from shop_nb.shop import magic
    magic.unload_ipython_extension(shell)
