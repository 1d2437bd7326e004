/** How the settings panel looks. */
export const PANEL_STYLE = `
.la-Panel { overflow: auto; background: var(--jp-layout-color0); color: var(--jp-ui-font-color1);
  font-family: var(--jp-ui-font-family); font-size: var(--jp-ui-font-size1); line-height: 1.45; }
.la-Panel-sheet { max-width: 720px; margin: 0 auto; padding: 24px 24px 48px; }
.la-Panel h2 { margin: 0 0 4px; font-size: var(--jp-ui-font-size3); font-weight: 500; }
.la-Panel h3 { margin: 28px 0 4px; padding-bottom: 6px; font-size: var(--jp-ui-font-size2);
  font-weight: 600; border-bottom: 1px solid var(--jp-border-color2); }
.la-Panel-about { margin: 0; color: var(--jp-ui-font-color2); }
.la-Panel-about code { font-family: var(--jp-code-font-family); overflow-wrap: anywhere; }
.la-Field { padding: 12px 0; }
.la-Field + .la-Field { border-top: 1px solid var(--jp-border-color3); }
.la-Field-head { display: flex; justify-content: space-between; gap: 12px; }
.la-Field-title { font-weight: 600; }
.la-Field-side { display: flex; align-items: baseline; gap: 8px; color: var(--jp-ui-font-color2); }
.la-Field-reset { padding: 0; border: 0; background: none; font: inherit; cursor: pointer;
  color: var(--jp-content-link-color); }
.la-Field-reset:hover { text-decoration: underline; }
.la-Field-about { margin: 2px 0 8px; color: var(--jp-ui-font-color2); }
.la-Field-control.jp-mod-styled { box-sizing: border-box; width: 100%; max-width: 340px;
  height: 30px; margin: 0; padding: 0 8px; font-size: var(--jp-ui-font-size1);
  color: var(--jp-ui-font-color1); background: var(--jp-input-background);
  border: 1px solid var(--jp-input-border-color); border-radius: var(--jp-border-radius); }
.la-Field-control.jp-mod-styled:focus { outline: 1px solid var(--jp-input-active-border-color);
  border-color: var(--jp-input-active-border-color); }
select.la-Field-control.jp-mod-styled { padding: 0 4px; appearance: auto; }
.la-Field-control.jp-mod-styled[type='checkbox'] { width: 16px; height: 16px; padding: 0;
  accent-color: var(--jp-brand-color1); }
.la-Field-failure { color: var(--jp-error-color1); }
.la-Field-failure:not(:empty) { margin-top: 6px; }
`;
