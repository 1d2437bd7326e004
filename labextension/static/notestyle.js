export const NOTE_STYLE = `
.la-Note { margin-top: 8px; padding: 6px 8px; border-left: 3px solid var(--jp-border-color1);
  background: var(--jp-layout-color2); overflow-wrap: anywhere; }
.la-Note.la-mod-error { border-left-color: var(--jp-error-color1); }
.la-Note-title, .la-Note-fix { color: var(--jp-ui-font-color2); }
`;
