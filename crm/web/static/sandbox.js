// Keeps the phones of /sandbox up to date, and leaves alone what somebody types into them.
// Without this script the page works by reloading it.
"use strict";
(() => {
  const PERIOD_MS = 2000;
  const phones = document.getElementById("phones");

  const toEnd = (list) => { list.scrollTop = list.scrollHeight; };

  // Replace the texts of a phone where there are new ones; its answer box is not touched.
  const update = (mine, theirs) => {
    const known = mine.querySelector(".bubbles");
    const fresh = theirs.querySelector(".bubbles");
    const last = (list) => list.lastElementChild && list.lastElementChild.id;
    mine.querySelector(".phone-top h2").textContent =
      theirs.querySelector(".phone-top h2").textContent;
    if (last(known) === last(fresh) && known.children.length === fresh.children.length) return;
    const seen = new Set(Array.from(known.children, (item) => item.id));
    for (const item of fresh.children) {
      if (!seen.has(item.id)) item.classList.add("bubble-new");
    }
    known.replaceChildren(...fresh.children);
    toEnd(known);
  };

  const show = (page) => {
    const fresh = page.getElementById("phones");
    if (!fresh) return location.reload();  // Signed out, say.
    // Mailboxes are replaced only when there is another email: a frame would load anew each time.
    const boxes = document.getElementById("mailboxes");
    const newBoxes = page.getElementById("mailboxes");
    if (boxes.dataset.latest !== newBoxes.dataset.latest) boxes.replaceWith(newBoxes);
    const unknown = [];
    for (const theirs of fresh.querySelectorAll(".phone")) {
      const mine = document.getElementById(theirs.id);
      if (mine) update(mine, theirs);
      else unknown.push(theirs);
    }
    if (!unknown.length) return;
    for (const empty of phones.querySelectorAll(".empty")) empty.remove();
    phones.prepend(...unknown);
    for (const phone of unknown) toEnd(phone.querySelector(".bubbles"));
  };

  let isAsking = false;
  const refresh = async () => {
    if (isAsking || document.hidden) return;
    isAsking = true;
    try {
      const answer = await fetch(location.pathname, { credentials: "same-origin" });
      if (answer.ok) show(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      // The server is away: the next turn asks again.
    } finally {
      isAsking = false;
    }
  };

  const send = async (form) => {
    const box = form.elements.body;
    const answer = await fetch(form.action, {
      method: "POST",
      credentials: "same-origin",
      body: new URLSearchParams(new FormData(form)),
    });
    if (!answer.ok) throw new Error(String(answer.status));
    box.value = "";
    form.elements.key.value = `${Date.now()}-${Math.random()}`;
    await refresh();
  };

  phones.addEventListener("submit", (event) => {
    event.preventDefault();
    const form = event.target;
    // What the script cannot send is sent as a form, so that the server says what is wrong.
    send(form).catch(() => form.submit());
  });

  for (const list of phones.querySelectorAll(".bubbles")) toEnd(list);
  setInterval(refresh, PERIOD_MS);
})();
