// Watches over the page: tells when the workstation is gone, returns by itself when it is back, and tells when it
// was opened in another tab. Loaded by the page itself, so it works while nothing else does.
"use strict";
(() => {
  const seat = document.currentScript.dataset.seat;
  const instance = document.currentScript.dataset.instance;
  let sheet = null;

  function cover(title, text, button) {
    uncover();
    sheet = document.createElement("div");
    sheet.id = "amlart-sheet";
    sheet.setAttribute("role", "alertdialog");
    sheet.setAttribute("aria-modal", "true");
    sheet.setAttribute("aria-label", title);
    const box = sheet.appendChild(document.createElement("div"));
    box.appendChild(document.createElement("h1")).textContent = title;
    box.appendChild(document.createElement("p")).textContent = text;
    if (button) {
      const press = box.appendChild(document.createElement("button"));
      press.textContent = button.text;
      press.onclick = button.action;
    }
    document.body.appendChild(sheet);
  }

  function uncover() {
    if (sheet) sheet.remove();
    sheet = null;
  }

  function connected() {
    return Boolean(window.trame && window.trame.client && window.trame.client.isConnected());
  }

  async function takeSeat() {
    await fetch("/door/take", { method: "POST" });
    location.reload();
  }

  const lost = () =>
    cover(
      "The workstation does not answer",
      "Your work is saved at least once a minute. This page returns by itself as soon as the workstation is back; " +
        "if it does not, start it again with the command `amlart workstation`.",
    );
  const restarting = () =>
    cover(
      "The workstation is starting again",
      "It stopped unexpectedly. Your work up to the last save, at most a minute ago, is kept, and this page returns " +
        "by itself in a few seconds.",
    );
  const silent = () =>
    cover(
      "The workstation has not answered for a while",
      "It may be busy with something long. What you did is not lost: it is taken in order once it answers, and your " +
        "work is saved at least once a minute. This page returns by itself.",
    );
  const failed = (words) => cover("The workstation cannot start", words);
  const moved = () =>
    cover(
      "Opened in another tab",
      "One tab at a time shows a workstation, so that no two edit the same contours. Nothing was lost.",
      { text: "Continue in this tab", action: takeSeat },
    );

  const events = new EventSource(`/door/events?seat=${encodeURIComponent(seat)}`);
  let missing = 0;
  events.onerror = () => {
    window.clearTimeout(missing);
    missing = window.setTimeout(lost, 1000);
  };
  events.onmessage = (message) => {
    window.clearTimeout(missing);
    const now = JSON.parse(message.data);
    if (now.seat !== "yours") {
      events.close();
      moved();
    } else if (now.failed) failed(now.failed);
    else if (!now.ready) restarting();
    else if (now.instance === instance && now.silent) silent();
    else if (now.instance !== instance || (sheet && !connected())) location.reload();
    else uncover();
  };
})();
