// Keeps the marked part of a page up to date while its tab is seen. All HTML comes rendered and encoded from the server.
"use strict";
(() => {
    const part = document.querySelector("[data-live]");
    const state = document.getElementById("live-state");
    if (!part || !window.EventSource) return;
    let stream = null;
    let retry = null;
    let delay = 1000;

    const say = text => {
        if (state && state.textContent !== text) { state.textContent = text; state.dataset.state = text; }
    };

    const show = html => {
        // Whoever selects text there, keeps it.
        const selection = document.getSelection();
        if (selection && !selection.isCollapsed && part.contains(selection.anchorNode)) return;
        const focused = part.contains(document.activeElement) ? document.activeElement : null;
        const href = focused && focused.getAttribute("href");
        const label = focused && focused.getAttribute("aria-label");
        const scrolled = [...part.querySelectorAll(".scroll")].map(box => box.scrollLeft);
        part.innerHTML = html;
        part.querySelectorAll(".scroll").forEach((box, i) => { box.scrollLeft = scrolled[i] || 0; });
        if (!focused) return;
        const again = [...part.querySelectorAll("a, [tabindex]")].find(one => href ? one.getAttribute("href") === href : label && one.getAttribute("aria-label") === label);
        if (again) again.focus({ preventScroll: true });
    };

    const close = () => {
        clearTimeout(retry);
        if (stream) stream.close();
        stream = null;
    };

    const open = () => {
        if (stream || document.hidden) return;
        stream = new EventSource(part.dataset.live);
        stream.onmessage = message => { delay = 1000; say("live"); show(message.data); };
        // The server lets a stream grow only so old: a new request asks anew whether this user may look.
        stream.addEventListener("reopen", () => { close(); open(); });
        stream.onerror = () => {
            close();
            say("reconnecting");
            retry = setTimeout(open, delay);
            delay = Math.min(delay * 2, 30000);
        };
    };

    document.addEventListener("visibilitychange", () => {
        if (document.hidden) { close(); say("paused"); } else open();
    });
    window.addEventListener("pagehide", close);
    open();
})();
