// Light, dark, or as the system

const THEME = 'shop-theme' // in the browser's storage
const NEXT_THEME = {'': 'light', light: 'dark', dark: ''}
const THEME_SIGNS = {'': '◐', light: '☀', dark: '☾'}

export function showTheme(page, name = localStorage.getItem(THEME) || '') {
  page.root.style.colorScheme = name || defaultScheme(page)
  if (page.inVoila) document.documentElement.style.colorScheme = name || 'light dark'
  if (name) localStorage.setItem(THEME, name)
  else localStorage.removeItem(THEME)
  const button = page.find('.theme')
  const next = NEXT_THEME[name]
  button.textContent = THEME_SIGNS[name]
  const label = `Colours: ${name || 'as the system'}. Change to ${next || 'as the system'}`
  button.setAttribute('aria-label', label)
  button.title = label
  button.onclick = () => showTheme(page, next)
}

// In JupyterLab, as its own theme
function defaultScheme(page) {
  const labLight = document.body.dataset.jpThemeLight
  if (page.inVoila || !labLight) return 'light dark'
  return labLight === 'true' ? 'light' : 'dark'
}
