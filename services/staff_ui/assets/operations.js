// Keeps a part of a page as the server tells it; without this script a link reads the page anew.
for (const part of document.querySelectorAll('[data-live]')) {
  const source = new EventSource(part.dataset.live)
  source.addEventListener('part', told => { part.innerHTML = told.data })
  source.addEventListener('end', () => { source.close(); window.location.reload() })
}
