// Before the page is drawn, so that nothing jumps: what GOV.UK Frontend's own template says inline.
document.body.className += ' js-enabled' + ('noModule' in HTMLScriptElement.prototype ? ' govuk-frontend-supported' : '')
