(() => {
  // What a reader cannot read, or a screen reader cannot say. WCAG 2.2: 1.4.3 and 1.4.11, 1.3.1, 4.1.2.
  const wrong = [];
  const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const parse = s => (s.match(/[\d.]+/g) || []).map(Number);
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const over = (top, below) => {
    const a = top.length > 3 ? top[3] : 1;
    return [0, 1, 2].map(i => top[i] * a + below[i] * (1 - a));
  };
  const background = e => {
    const layers = [];
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length > 3 && c[3] === 0) continue;
      layers.push(c);
      if (c.length < 4 || c[3] === 1) break;
    }
    return layers.reverse().reduce((below, c) => over(c, below), [255, 255, 255]);
  };
  const contrast = (a, b) => {
    const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  };
  const seen = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walk.nextNode(); n; n = walk.nextNode()) {
    const e = n.parentElement, text = n.textContent.trim();
    if (!text || ["SCRIPT", "STYLE", "TITLE", "title"].includes(e.tagName) || e.closest(".vh, .matrix td, details:not([open]) > :not(summary)")) continue;
    const s = getComputedStyle(e);
    if (s.display === "none" || s.visibility === "hidden" || e.getClientRects().length === 0) continue;
    const svg = e.namespaceURI.endsWith("svg");
    const big = parseFloat(s.fontSize) >= 24 || parseFloat(s.fontSize) >= 18.66 && s.fontWeight >= 700;
    const got = contrast(over(parse(svg ? s.fill : s.color), background(e)), background(e));
    const key = e.tagName + "." + e.getAttribute("class") + Math.round(got * 10);
    if (got < (big ? 3 : 4.5) && !seen.has(key)) {
      seen.add(key);
      wrong.push("contrast " + got.toFixed(2) + " of " + JSON.stringify(text.slice(0, 40)) + " in " + key);
    }
  }
  // Areas and marks that carry meaning, against the page.
  const page = background(document.body);
  for (const c of ["a-believes", "a-links", "l-ready", "took", "late"]) {
    const e = document.querySelector("." + c);
    if (e && contrast(parse(getComputedStyle(e).fill), page) < 3) wrong.push("the area " + c + " has no contrast");
  }
  let level = 0;
  for (const h of document.querySelectorAll("h1, h2, h3, h4")) {
    const is = +h.tagName[1];
    if (is > level + 1) wrong.push("heading " + h.tagName + " after level " + level + ": " + h.textContent.slice(0, 40));
    level = is;
  }
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");
  for (const landmark of ["header", "main", "footer"]) if (document.querySelectorAll("body > " + landmark).length !== 1) wrong.push("not one " + landmark);
  for (const s of document.querySelectorAll("svg:not([aria-hidden])")) {
    const name = s.getAttribute("aria-label") || document.getElementById(s.getAttribute("aria-labelledby") || "")?.textContent;
    if (s.getAttribute("role") !== "img" || !name) wrong.push("a picture without a name");
  }
  for (const i of document.querySelectorAll("input, button")) if (!(i.getAttribute("aria-label") || i.textContent.trim())) wrong.push("a control without a name: " + i.outerHTML.slice(0, 60));
  for (const t of document.querySelectorAll("table")) {
    if (!t.querySelector("thead th[scope=col]")) wrong.push("a table without heads of columns");
    for (const r of t.querySelectorAll("tbody tr")) if (!r.querySelector("th[scope=row]")) { wrong.push("a row without a head"); break; }
  }
  for (const s of document.querySelectorAll(".scroll")) if (s.tabIndex !== 0 || !s.getAttribute("aria-label")) wrong.push("a box that scrolls and that a keyboard cannot reach");
  const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
  for (const id of new Set(ids)) if (ids.filter(i => i === id).length > 1) wrong.push("two elements are " + id);
  for (const e of document.querySelectorAll("[aria-labelledby]")) if (!document.getElementById(e.getAttribute("aria-labelledby"))) wrong.push("named by what is not there: " + e.outerHTML.slice(0, 80));
  for (const a of document.querySelectorAll("a[href^='#']")) if (!document.getElementById(a.getAttribute("href").slice(1))) wrong.push("a link to nowhere: " + a.getAttribute("href"));
  return wrong;
})()
