// In a frame on a clinic's site: tell the page around how tall this one is, and nothing else.
"use strict";
(() => {
  if (parent === window) return;
  const tell = () => {
    const height = Math.ceil(document.documentElement.getBoundingClientRect().height);
    parent.postMessage({ frontdeskHeight: height }, "*");
  };
  new ResizeObserver(tell).observe(document.documentElement);
  tell();
})();
