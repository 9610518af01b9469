"A synthetic shop, realistic and exactly reproducible at any size."

__version__ = "0.1.0"

_HOME = dict(Shop="shop", Settings="settings", ShopError="settings", twin="twins", tables="generate", digest="generate")
__all__ = list(_HOME)


def __getattr__(name):
    "The names for people, imported when somebody asks for them: `import shop_nb` loads nothing"
    from importlib import import_module
    if name not in _HOME: raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for part in ("lookup", "truth") if name == "Shop" else (): import_module(f"shop_nb.{part}")  # they add methods to Shop
    return getattr(import_module(f"shop_nb.{_HOME[name]}"), name)


def load_ipython_extension(shell):
    "What `%load_ext shop_nb` calls: `%%ask` from here on"
    from shop_nb import magic
    magic.load_ipython_extension(shell)


def unload_ipython_extension(shell):
    "What `%unload_ext shop_nb` calls"
    from shop_nb import magic
    magic.unload_ipython_extension(shell)
