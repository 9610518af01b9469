if (matchMedia('(max-width: 820px)').matches) document.currentScript.previousElementSibling.open = false
