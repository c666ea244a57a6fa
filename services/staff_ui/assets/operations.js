// Keeps a part of a page as the server tells it; without this script a link reads the page anew.
// The page is read anew when the run is over, and not before what was just said of it could be read.
const untilRead = document.querySelector('.govuk-notification-banner') ? 2000 : 0
for (const part of document.querySelectorAll('[data-live]')) {
  const source = new EventSource(part.dataset.live)
  source.addEventListener('part', told => { part.innerHTML = told.data })
  source.addEventListener('end', () => { source.close(); window.setTimeout(() => window.location.reload(), untilRead) })
}
