// "Fix here": what is pointed at in the views while the workstation waits for it, and the keys of its panel. A point, a
// box or a line is drawn here and told once, as shares of the view; the workstation decides what becomes of it.
"use strict";
(() => {
  const VIEWS = ["Axial", "Coronal", "Sagittal"];
  const CONTROLS = "button, input, select, .border-line, .notice, .progress-card";
  const NS = "http://www.w3.org/2000/svg";
  const trigger = (name, args) => window.trame && window.trame.trigger(name, args || []);
  const state = (key) => window.trame && window.trame.state && window.trame.state.get(key);
  const fix = () => state("fix") || {};
  let drawing = null;

  function viewAt(event) {
    if (!event.target.closest || !event.target.closest("#views") || event.target.closest(CONTROLS)) return null;
    for (const name of VIEWS) {
      const overlay = document.getElementById(`view-${name}`);
      const at = overlay && overlay.getBoundingClientRect();
      const within = at && event.clientX >= at.left && event.clientX < at.right && event.clientY >= at.top && event.clientY < at.bottom;
      if (within && at.width && at.height) return { name, at };
    }
    return null;
  }

  function share(event, at) {
    const clamp = (value) => Math.min(Math.max(value, 0), 1);
    return [clamp((event.clientX - at.left) / at.width), clamp((event.clientY - at.top) / at.height)];
  }

  function begin(event, view) {
    const { kind, belongs } = fix();
    const svg = document.createElementNS(NS, "svg");
    svg.setAttribute("class", `fix-live ${belongs ? "in" : "out"}`);
    Object.assign(svg.style, { left: `${view.at.left}px`, top: `${view.at.top}px`, width: `${view.at.width}px`, height: `${view.at.height}px` });
    const line = svg.appendChild(document.createElementNS(NS, "polyline"));
    document.body.appendChild(svg);
    drawing = { view, kind, svg, line, places: [share(event, view.at)] };
  }

  function show() {
    const { view, kind, line, places } = drawing;
    const [[x0, y0], [x1, y1]] = [places[0], places[places.length - 1]];
    const seen = kind === "box" ? [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]] : kind === "point" ? [] : places;
    line.setAttribute("points", seen.map(([x, y]) => `${x * view.at.width},${y * view.at.height}`).join(" "));
  }

  function end() {
    const { view, kind, svg, places } = drawing;
    svg.remove();
    drawing = null;
    const last = places[places.length - 1];
    trigger("fix_mark", [view.name, kind === "point" ? [last] : kind === "box" ? [places[0], last] : places]);
  }

  function stop(event) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  document.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || drawing || !fix().placing) return;
    const view = viewAt(event);
    if (!view) return;
    stop(event);
    if (document.activeElement) document.activeElement.blur();
    begin(event, view);
  }, true);
  document.addEventListener("pointermove", (event) => {
    if (!drawing) return;
    stop(event);
    drawing.places.push(share(event, drawing.view.at));
    show();
  }, true);
  document.addEventListener("pointerup", (event) => {
    if (!drawing) return;
    stop(event);
    drawing.places.push(share(event, drawing.view.at));
    end();
  }, true);
  document.addEventListener("pointercancel", () => {
    if (drawing) drawing.svg.remove();
    drawing = null;
  }, true);

  const KINDS = { p: "point", b: "box", s: "scribble", l: "lasso" };
  function act(key) {
    const now = fix();
    if (now.proposal) return { Enter: ["fix_accept"], Escape: ["fix_reject"] }[key];
    if (now.running) return { Escape: ["fix_cancel"] }[key];
    if (KINDS[key] && (now.kinds || []).some((kind) => kind.id === KINDS[key])) return ["fix_place", [KINDS[key], now.belongs]];
    if (key === "i" || key === "o") return ["fix_place", [now.kind, key === "i"]];
    if (key === "Escape" && now.placing) return ["fix_stop"];
    return { a: ["fix_ask"], Backspace: ["fix_take_back"] }[key];
  }
  document.addEventListener("keydown", (event) => {
    const at = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || state("help_visible")) return;
    if (at.matches("input:not([type=radio]), select, textarea")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === "Enter" && at.matches("button, summary, a")) return;
    const action = key === "f" ? ["fix_begin"] : state("panel") === "fixing" ? act(key) : null;
    if (!action) return;
    stop(event);
    trigger(action[0], action[1]);
  }, true);
})();
