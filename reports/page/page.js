"use strict";
(() => {
  // A button beside each command copies it.
  for (const cmd of document.querySelectorAll(".cmd")) {
    const text = cmd.textContent, b = document.createElement("button");
    b.type = "button";
    b.textContent = "copy";
    b.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text);
        b.textContent = "copied";
      } catch {
        getSelection().selectAllChildren(cmd);
        b.textContent = "selected";
      }
    });
    cmd.prepend(b);
  }
  const seconds = ms => (ms / 1000).toFixed(1) + " s";
  const within = (spans, t) => {
    for (let i = 0; i < spans.length; i += 2) if (t >= spans[i] && t < spans[i + 1]) return true;
    return false;
  };
  for (const section of document.querySelectorAll(".scenario")) {
    const source = section.querySelector("script[type='application/json']");
    if (!source) continue;
    // The data is read when it is first needed, and the matrix is made anew from its changes for each time that is asked for.
    let d, cells, shown, stops;
    const bar = section.querySelector(".time"), range = bar.querySelector("input"), out = bar.querySelector("output");
    const at = section.querySelector(".at"), lanes = section.querySelector(".lanes"), now = section.querySelector(".now");
    const open = () => {
      if (d) return;
      d = JSON.parse(source.textContent);
      cells = [...section.querySelectorAll(".matrix tbody tr")].map(r => [...r.querySelectorAll("td")]);
      shown = cells.map(r => r.map(c => c.className));
      stops = [d.begin, ...d.stops, d.end].sort((a, b) => a - b);
    };
    const show = t => {
      open();
      const n = d.names.length, m = Array.from({length: n}, () => new Uint8Array(n)), counts = {};
      let when = 0;
      for (const l of d.looks) {
        when += l[0];
        if (when > t) break;
        for (let k = 3; k < l.length; k++) m[l[1]][l[k]] = l[2];
      }
      const there = d.there.map(s => within(s, t)), alive = d.alive.map(s => within(s, t));
      for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) {
        const b = m[i][j] >> 2, k = m[i][j] & 3;
        const is = i === j ? "kd" : !alive[i] || !there[j] || !alive[j] && b !== 2 && k < 2 ? "kx" : "k" + b + k;
        counts[is] = (counts[is] || 0) + 1;
        if (is === shown[i][j]) continue;
        shown[i][j] = cells[i][j].className = is;
        cells[i][j].textContent = is === "kd" ? ".." : is === "kx" ? "  " : "?-S"[b] + "?-LB"[k];
      }
      for (const li of section.querySelectorAll(".legend [data-k]")) {
        const c = counts[li.dataset.k] || 0;
        li.classList.toggle("none", c === 0);
        li.querySelector("b").textContent = c;
      }
      out.textContent = seconds(t);
      range.setAttribute("aria-valuetext", seconds(t));
      at.textContent = t >= d.end ? "at the end, " + seconds(d.end) : "at " + seconds(t);
      if (now) {
        const left = +lanes.dataset.left, right = +lanes.dataset.right;
        const x = left + (right - left) * (t - d.begin) / Math.max(1, d.end - d.begin);
        now.setAttribute("transform", "translate(" + (x - right) + " 0)");
        now.setAttribute("visibility", "visible");
      }
    };
    const go = t => {
      range.value = t;
      show(t);
    };
    bar.hidden = false;
    range.addEventListener("input", () => {
      open();
      show(Math.min(+range.value, d.end));
    });
    for (const b of bar.querySelectorAll("button")) b.addEventListener("click", () => {
      open();
      const t = +range.value, way = +b.dataset.go;
      const next = way > 0 ? stops.find(s => s > t + 1) : stops.findLast(s => s < t - 1);
      if (next !== undefined) go(next);
    });
    const point = e => {
      const r = lanes.getBoundingClientRect(), w = lanes.viewBox.baseVal.width;
      const x = (e.clientX - r.left) / r.width * w, left = +lanes.dataset.left, right = +lanes.dataset.right;
      open();
      go(Math.round(Math.min(1, Math.max(0, (x - left) / (right - left))) * (d.end - d.begin) + d.begin));
    };
    lanes.addEventListener("pointerdown", e => { if (e.pointerType === "mouse") { lanes.setPointerCapture(e.pointerId); point(e); } });
    lanes.addEventListener("pointermove", e => { if (e.buttons && e.pointerType === "mouse") point(e); });
    lanes.addEventListener("click", point);
  }
})();
