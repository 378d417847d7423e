// On a clinic's own site: <script src=".../embed.js" data-form="KEY" async></script> puts the form
// where it stands, tells it from which page and campaign the visitor came, gives it its height, and
// shows the top of what the form answers.
"use strict";
(() => {
  const TALLEST = 10000;
  const script = document.currentScript;
  const home = new URL(script.src);
  const address = new URL(`f/${encodeURIComponent(script.dataset.form)}/embed`, home);
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (/^(utm_\w+|gclid|gbraid|wbraid|msclkid|fbclid|ttclid)$/i.test(name)) {
      address.searchParams.append(name, value);
    }
  }
  address.searchParams.set("landing_page", location.origin + location.pathname);
  const isSpanish = /^es\b/i.test(script.dataset.lang || document.documentElement.lang);
  address.searchParams.set("lang", isSpanish ? "es" : "en");

  const frame = document.createElement("iframe");
  frame.src = address.href;
  frame.title = isSpanish ? "Pedir una cita" : "Request an appointment";
  frame.style.cssText = "display:block;width:100%;height:46rem;border:0";
  script.after(frame);

  // Whoever sends a form is at its end; what follows it begins above, and may be shorter.
  let isFirst = true;
  frame.addEventListener("load", () => {
    const { top } = frame.getBoundingClientRect();
    if (!isFirst && (top < 0 || top > innerHeight)) frame.scrollIntoView();
    isFirst = false;
  });

  addEventListener("message", (event) => {
    if (event.source !== frame.contentWindow || event.origin !== home.origin) return;
    const height = Number(event.data?.frontdeskHeight);
    if (height > 0 && height < TALLEST) frame.style.height = `${height}px`;
  });
})();
