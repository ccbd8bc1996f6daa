// What only the browser can do: dragging level borders without a round trip, keeping every point of a line that is
// drawn, and keys. Dragging and keys end in a trigger of the workstation, which decides.
"use strict";
(() => {
  const trigger = (name, args) => window.trame && window.trame.trigger(name, args || []);

  let drag = null;
  document.addEventListener("pointerdown", (event) => {
    const line = event.target.closest && event.target.closest(".border-line");
    if (!line || event.button !== 0) return;
    const view = line.closest(".overlay").getBoundingClientRect();
    drag = { line, view, x: event.clientX, y: event.clientY };
    line.classList.add("dragged");
    line.focus();
    event.preventDefault();
    event.stopPropagation();
  }, true);
  document.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const dy = ((event.clientY - drag.y) / drag.view.height) * 1000;
    drag.line.setAttribute("transform", `translate(0 ${dy})`);
    event.stopPropagation();
  }, true);
  document.addEventListener("pointerup", async (event) => {
    if (!drag) return;
    const { line, view, x, y } = drag;
    drag = null;
    line.classList.remove("dragged");
    const by = [(event.clientX - x) / view.width, (event.clientY - y) / view.height];
    if (Math.abs(by[1]) * view.height >= 2) await trigger("drag_border", [line.dataset.kind, line.dataset.view, ...by]);
    line.removeAttribute("transform");
    event.stopPropagation();
  }, true);

  // Of the moves that come while the workstation is busy the views send the last one only, unless their keys differ
  // (observed: a quickly drawn square lost its corners). Of a line drawn by hand each point counts, and no tool looks at
  // the Alt key: so it takes turns.
  const LINES = new Set(["draw", "scissors"]);
  let turn = false;
  document.addEventListener("pointermove", (event) => {
    if (drag || !event.isTrusted || event.buttons !== 1 || !event.target.closest("#views")) return;
    if (!LINES.has(window.trame.state.get("tool"))) return;
    event.stopImmediatePropagation();
    turn = !turn;
    const { type, pointerId, pointerType, button, buttons, clientX, clientY, ctrlKey, shiftKey } = event;
    const same = { pointerId, pointerType, button, buttons, clientX, clientY, ctrlKey, shiftKey, bubbles: true, cancelable: true };
    event.target.dispatchEvent(new PointerEvent(type, { ...same, altKey: turn }));
  }, true);

  // While a button is down in a view the keys wait: a stroke ends in the structure and with the tool it began with.
  let pressed = false;
  document.addEventListener("pointerdown", (event) => { pressed = Boolean(event.target.closest && event.target.closest("#views")); }, true);
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => { pressed = false; }, true);
  document.addEventListener("pointermove", (event) => { pressed = pressed && event.buttons !== 0; }, true);

  // A list that was just used lets go of the keys, so that they are the tools' again.
  document.addEventListener("change", (event) => {
    if (event.target.matches("select, input[type=checkbox], input[type=range]")) event.target.blur();
  });

  const KEYS = {
    Escape: ["use_tool", ["none"]], " ": ["last_tool"], ArrowLeft: ["step_slice", [-1]], ArrowRight: ["step_slice", [1]],
    q: ["step_structure", [-1]], w: ["step_structure", [1]], "+": ["step_brush", [1]], "=": ["step_brush", [1]],
    "-": ["step_brush", [-1]], 1: ["use_tool_number", [1]], 2: ["use_tool_number", [2]], 3: ["use_tool_number", [3]],
    4: ["use_tool_number", [4]], 5: ["use_tool_number", [5]], 6: ["use_tool_number", [6]], 7: ["use_tool_number", [7]],
    8: ["use_tool_number", [8]],
  };
  document.addEventListener("keydown", (event) => {
    if (pressed) return;
    const at = event.target;
    const line = at.closest && at.closest(".border-line");
    if (line && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      trigger("step_border", [line.dataset.kind, event.key === "ArrowUp" ? 1 : -1]);
      return;
    }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if ((event.ctrlKey || event.metaKey) && (key === "z" || key === "y")) {
      if (at.matches("input[type=text], input[type=search], input[type=number], textarea")) return;
      event.preventDefault();
      trigger(key === "y" || event.shiftKey ? "redo" : "undo");
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || at.matches("input, select, textarea")) return;
    if (key === "?") { window.trame.state.set("help_visible", true); return; }
    if ((key === " " || key === "Enter") && at.matches("button, summary, a")) return;
    if (key === "Escape") { window.trame.state.update({ help_visible: false, notice_visible: false }); }
    const action = KEYS[key];
    if (!action) return;
    event.preventDefault();
    trigger(action[0], action[1]);
  });
})();
