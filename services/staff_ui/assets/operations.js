// Keeps the parts of a page as the server tells them; without this script a link reads the page anew.
import { Button, createAll } from '/assets/govuk-frontend.min.js'

for (const page of document.querySelectorAll('[data-live]')) {
  let source = null
  let over = false
  const listen = () => {
    // A browser has few connections for all of its tabs: those that nobody sees do not listen.
    if (over || document.hidden) { source?.close(); source = null; return }
    source ??= new EventSource(page.dataset.live)
    source.addEventListener('parts', told => Object.entries(JSON.parse(told.data)).forEach(show))
    source.addEventListener('end', () => { over = true; listen() })
  }
  document.addEventListener('visibilitychange', listen)
  listen()
}

function show ([id, markup]) {
  const part = document.getElementById(id)
  const wanted = part.cloneNode(false)
  wanted.innerHTML = markup
  become(part, wanted)
  createAll(Button, undefined, part)
}

// Only what differs is touched: focus, scrolling and opened details stay as they are.
function become (old, wanted) {
  if (old.nodeType !== Node.ELEMENT_NODE || old.nodeName !== wanted.nodeName) {
    if (!old.isEqualNode(wanted)) old.replaceWith(wanted)
    return
  }
  for (const { name } of [...old.attributes]) {
    if (!wanted.hasAttribute(name) && name !== 'open' && !name.endsWith('-init')) old.removeAttribute(name)
  }
  for (const { name, value } of wanted.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value)
  }
  const [before, after] = [[...old.childNodes], [...wanted.childNodes]]
  after.forEach((each, place) => before[place] ? become(before[place], each) : old.append(each))
  before.slice(after.length).forEach(each => each.remove())
}
