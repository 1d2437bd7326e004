/** How the status item looks: JupyterLab's own variables, so every theme fits. */
export const STYLE = `
.la-Item { display: flex; align-items: center; gap: 4px; cursor: pointer; }
.la-Item-icon { display: flex; color: var(--jp-ui-font-color2); }
.jp-mod-clicked .la-Item-icon { color: var(--jp-ui-inverse-font-color1); }
.la-Item[data-state='ready'] .la-Item-icon { color: var(--jp-brand-color1); }
.la-Item[data-state='generating'] .la-Item-icon { color: var(--jp-brand-color1); }
.la-Item[data-state='paused'], .la-Item[data-state='starting'] { opacity: 0.65; }
.la-Item[data-state='no_fim'] .la-Item-icon { color: var(--jp-warn-color0); }
.la-Item[data-state='error'] .la-Item-icon { color: var(--jp-error-color1); }
.la-Item.jp-mod-clicked .la-Item-icon { color: var(--jp-ui-inverse-font-color1); }
.la-Item.jp-mod-clicked .la-Item-text { color: var(--jp-ui-inverse-font-color1); }
@media (prefers-reduced-motion: no-preference) {
  .la-Item[data-state='loading'] .la-Item-icon { animation: la-breathe 1.2s ease-in-out infinite; }
}
@keyframes la-breathe { 50% { opacity: 0.3; } }
`;

/** Put a style sheet into the page, once. */
export function addStyle(name: string, css: string): void {
  const id = `local-assistant-${name}`;
  if (!document.getElementById(id)) {
    const node = document.createElement('style');
    node.id = id;
    node.textContent = css;
    document.head.append(node);
  }
}
