// What a page of the web book does not show as it should, in sentences. tools/browser.py calls it.
() => {
  const all = what => [...document.querySelectorAll(what)];
  all("details").forEach(part => part.open = true);
  return [
    ...all(".formula:not(:has(math))").map(part => `a formula is not set: ${part.textContent}`),
    ...all("img").filter(picture => !picture.complete || !picture.naturalWidth).map(picture => `not shown: ${picture.src}`),
    ...all("html").filter(page => page.scrollWidth > innerWidth).map(() => "the page is wider than the window"),
  ];
}
