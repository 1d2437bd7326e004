export const MODELS_STYLE = `
.la-Models .la-Panel-sheet { max-width: 860px; }
.la-Button.jp-mod-styled { height: 28px; line-height: 26px; margin: 0; padding: 0 12px;
  font-size: var(--jp-ui-font-size1); }
.la-Models-role { display: grid; grid-template-columns: 180px 1fr auto; gap: 12px;
  align-items: baseline; padding: 6px 0; }
.la-Models-role > :first-child { color: var(--jp-ui-font-color2); }
.la-Models-answer { font-weight: 600; overflow-wrap: anywhere; }
.la-Models-preset.jp-mod-styled { height: 28px; min-width: 0; margin: 0; padding: 0 4px;
  appearance: auto; font-size: var(--jp-ui-font-size1); color: var(--jp-ui-font-color1);
  background: var(--jp-layout-color1); border: 1px solid var(--jp-border-color1);
  border-radius: var(--jp-border-radius); }
.la-Models-reason { padding-left: 192px; color: var(--jp-ui-font-color2); }
.la-Models-standIn { display: flex; align-items: center; justify-content: space-between;
  gap: 16px; margin-top: 16px; padding: 10px 12px; border-left-color: var(--jp-warn-color1); }
.la-Models-standIn button { flex: none; }
.la-Models-table { width: 100%; border-collapse: collapse; }
.la-Models-table th, .la-Models-table td { padding: 8px 16px 8px 0; text-align: left;
  vertical-align: middle; font-weight: inherit; }
.la-Models-table thead th { padding-bottom: 4px; color: var(--jp-ui-font-color2); }
.la-Models-table tbody tr { border-top: 1px solid var(--jp-border-color3); }
.la-Models-table tbody th { overflow-wrap: anywhere; }
.la-Models-name { font-weight: 600; }
.la-Models-about { color: var(--jp-ui-font-color2); }
.la-Models-size, .la-Models-fits { white-space: nowrap; }
.la-Models-fits[data-fit='no'] { color: var(--jp-error-color1); }
.la-Models-table .la-Models-act { width: 1%; padding-right: 0; white-space: nowrap;
  text-align: right; }
.la-Models-uses { display: inline-flex; gap: 4px; }
.la-Models-uses .la-Button.jp-mod-styled { padding: 0 8px; letter-spacing: normal;
  color: var(--jp-ui-font-color1); background: var(--jp-layout-color1);
  border: 1px solid var(--jp-border-color1); }
.la-Models-uses .la-Button.jp-mod-styled:hover:enabled { background: var(--jp-layout-color2); }
.la-Models-uses .la-Button.jp-mod-styled[aria-pressed='true'],
.la-Models-uses .la-Button.jp-mod-styled[aria-pressed='true']:hover:enabled {
  color: var(--jp-ui-inverse-font-color1); background: var(--jp-brand-color1);
  border-color: var(--jp-brand-color1); }
.la-Models-uses .la-Button.jp-mod-styled:disabled { color: var(--jp-ui-font-color3); opacity: 1; }
.la-Models .la-Button.jp-mod-styled:focus-visible { position: relative; z-index: 1;
  outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }
.la-Models-form { display: flex; gap: 8px; }
.la-Models-form .la-Field-control.jp-mod-styled { max-width: 420px; height: 28px; }
.la-Models > .la-Panel-sheet > .la-Panel-group:last-child { margin-top: 28px; }
.la-Job { position: sticky; z-index: 2; top: 0; margin-top: 16px; padding: 12px; background: var(--jp-layout-color1);
  border: 1px solid var(--jp-border-color2); border-radius: var(--jp-border-radius);
  box-shadow: var(--jp-elevation-z2); }
.la-Job-head { display: flex; align-items: baseline; gap: 8px; }
.la-Job-state { color: var(--jp-ui-font-color2); }
.la-Job-name { font-weight: 600; overflow-wrap: anywhere; }
.la-Job-bar { height: 6px; margin: 8px 0; overflow: hidden; border-radius: 3px;
  background: var(--jp-layout-color3); }
.la-Job-bar > div { height: 100%; border-radius: 3px; background: var(--jp-brand-color1); }
.la-Job[data-state='failed'] .la-Job-bar > div { background: var(--jp-error-color1); }
.la-Job[data-state='cancelled'] .la-Job-bar > div { background: var(--jp-border-color1); }
.la-Job-bar.la-mod-unknown > div { width: 30% !important; }
@media (prefers-reduced-motion: no-preference) {
  .la-Job-bar > div { transition: width 0.4s linear; }
  .la-Job-bar.la-mod-unknown > div { animation: la-slide 1.4s ease-in-out infinite; }
}
@keyframes la-slide { from { transform: translateX(-100%); } to { transform: translateX(330%); } }
.la-Job-facts { min-height: 1.45em; color: var(--jp-ui-font-color2); }
.la-Models { container-type: inline-size; }
@container (max-width: 640px) {
  .la-Models-role, .la-Models-role > *, .la-Models-standIn { display: block; }
  .la-Models-standIn button { margin-top: 8px; }
  .la-Models-preset.jp-mod-styled { width: 100%; }
  .la-Models-reason { padding-left: 0; }
  .la-Models-role .la-Field-side > * { margin-right: 8px; }
  .la-Models-table thead { display: none; }
  .la-Models-table tr { display: flex; flex-wrap: wrap; align-items: baseline; padding: 6px 0; }
  .la-Models-table tbody th { flex: 1 0 100%; }
  .la-Models-table th, .la-Models-table td { padding: 2px 16px 2px 0; }
  .la-Models-fits::before { content: 'fits: '; }
  .la-Models-table .la-Models-act { flex: 1 0 auto; width: auto; }
}
.la-Job-buttons { display: flex; flex-wrap: wrap; justify-content: flex-end; gap: 8px;
  margin-top: 8px; }
`;
