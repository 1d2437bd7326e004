/** How the popup of the status item looks. */
export const POPUP_STYLE = `
.la-Popup { position: fixed; z-index: 10001; width: 320px; padding: 12px; box-sizing: border-box;
  background: var(--jp-layout-color1); color: var(--jp-ui-font-color1);
  font-family: var(--jp-ui-font-family); font-size: var(--jp-ui-font-size1); line-height: 1.4; }
.la-Popup-head { display: flex; align-items: center; justify-content: space-between;
  margin-bottom: 8px; }
.la-Popup-title { font-weight: 600; }
.la-Popup-state { color: var(--jp-ui-font-color2); }
.la-Popup-state::before { content: ''; display: inline-block; width: 8px; height: 8px;
  margin-right: 6px; border-radius: 50%; background: var(--jp-success-color1); }
.la-Popup[data-state='loading'] .la-Popup-state::before,
.la-Popup[data-state='starting'] .la-Popup-state::before,
.la-Popup[data-state='paused'] .la-Popup-state::before { background: var(--jp-border-color1); }
.la-Popup[data-state='no_fim'] .la-Popup-state::before { background: var(--jp-warn-color1); }
.la-Popup[data-state='error'] .la-Popup-state::before { background: var(--jp-error-color1); }
.la-Popup-row { display: flex; align-items: center; justify-content: space-between; gap: 12px;
  min-height: 26px; }
.la-Popup-row > :first-child { flex: none; color: var(--jp-ui-font-color2); }
.la-Popup-row > span:last-child { text-align: right; }
.la-Popup-model.jp-mod-styled { min-width: 0; max-width: 200px; height: 24px; margin: 0;
  padding: 0 4px; appearance: auto; font-size: var(--jp-ui-font-size1);
  color: var(--jp-ui-font-color1);
  background: var(--jp-layout-color1); border: 1px solid var(--jp-border-color1);
  border-radius: var(--jp-border-radius); }
.la-Popup .la-Note button.jp-mod-styled:not(.jp-mod-accept) {
  background: var(--jp-layout-color1); }
.la-Note .la-Popup-buttons { margin-top: 6px; }
.la-Popup-buttons { display: flex; justify-content: flex-end; gap: 8px; margin-top: 12px; }
.la-Popup-buttons button.jp-mod-styled { height: 28px; line-height: 28px; margin: 0;
  padding: 0 12px; font-size: var(--jp-ui-font-size1); }
`;
