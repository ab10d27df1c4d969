
// Added by Parley's sandbox: the conversation stays at its end while it grows, as in Discord, until somebody scrolls up.
{
  const END_PIXELS = 40;
  const BY_HAND_MILLISECONDS = 600;
  const SCROLL_KEYS = new Set(["PageUp", "PageDown", "Home", "End", "ArrowUp", "ArrowDown", " "]);
  const timeline = document.getElementById("channel-timeline");
  const composer = document.getElementById("channel-composer");
  let atEnd = true;
  let lastByHand = -Infinity;

  const byHand = () => { lastByHand = performance.now(); };
  const follow = () => requestAnimationFrame(() => { if (atEnd) timeline.scrollTop = timeline.scrollHeight; });
  const said = () => { lastByHand = -Infinity; atEnd = true; follow(); };
  const lookElsewhere = (event) => { if (event.target.closest("#history-older, #messages-sidebar")) atEnd = false; };

  for (const kind of ["wheel", "touchmove"]) timeline.addEventListener(kind, byHand, { passive: true });
  for (const kind of ["pointerdown", "pointermove"]) { // dragging the scroll bar
    timeline.addEventListener(kind, (event) => { if (event.buttons && event.target === timeline) byHand(); });
  }
  document.addEventListener("keydown", (event) => {
    if (SCROLL_KEYS.has(event.key) && !event.target.closest("textarea, input, select")) byHand();
  });
  timeline.addEventListener("scroll", () => {
    if (performance.now() - lastByHand > BY_HAND_MILLISECONDS) return;
    atEnd = timeline.scrollHeight - timeline.scrollTop - timeline.clientHeight <= END_PIXELS;
  }, { passive: true });
  document.addEventListener("click", lookElsewhere, true);
  composer.addEventListener("submit", said, true);
  composer.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey) said(); });

  // A link to a channel leads there. Its text is all that the page has of a mentioned one.
  const linksLeadTo = LINKS_LEAD_TO;
  const there = (target) => {
    const [, channel] = target.closest("a")?.href.match(/^https:\/\/discord\.com\/channels\/\d+\/(\d+)/) ?? [];
    if (channel) return `channel=${channel}`;
    const mentioned = target.closest(".mention")?.textContent ?? "";
    return mentioned.startsWith("#") ? `name=${encodeURIComponent(mentioned.slice(1))}` : "";
  };
  timeline.addEventListener("click", (event) => {
    const query = linksLeadTo && there(event.target);
    if (!query) return;
    event.preventDefault();
    location.assign(`${linksLeadTo}?${query}`);
  });
  const size = new ResizeObserver(follow);
  size.observe(timeline);
  size.observe(document.getElementById("channel-message-list"));
  document.title = "Parley's sandbox";
}
