const CLICK_MS = 50;
export function steady(node, draw) {
    let pressed = false;
    let waiting = false;
    const redraw = () => {
        waiting = pressed;
        if (!pressed) {
            const focused = document.activeElement;
            const id = node.contains(focused) && focused?.id;
            draw();
            if (id) {
                document.getElementById(id)?.focus();
            }
        }
    };
    const released = () => {
        pressed = false;
        if (waiting) {
            redraw();
        }
    };
    node.addEventListener('pointerdown', event => {
        if (!event.target.closest('button')) {
            return;
        }
        pressed = true;
        const over = new AbortController();
        const end = () => {
            over.abort();
            setTimeout(released, CLICK_MS);
        };
        for (const release of ['pointerup', 'pointercancel']) {
            window.addEventListener(release, end, { capture: true, signal: over.signal });
        }
    });
    node.addEventListener('click', () => (pressed = false), { capture: true });
    return redraw;
}
