export const CONTEXT_STYLE = `
.la-Context { display: flex; align-items: flex-start; gap: 6px; padding: 4px 2px 0;
  color: var(--jp-ui-font-color2); font-family: var(--jp-ui-font-family);
  font-size: 11px; line-height: 16px; }
.la-Context[hidden] { display: none; }
.la-Context.la-mod-away { visibility: hidden; }
.la-Context input { flex: none; width: 12px; height: 12px; margin: 2px 0;
  accent-color: var(--jp-brand-color1); }
.la-Context input:focus-visible { outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }
.la-Context label { min-width: 0; overflow-wrap: anywhere; cursor: pointer; }
/* In a narrow side bar Jupyter AI's own controls would lie over each other. */
.jp-chat-input-toolbar .jp-jai-personaControls-group { min-width: 0; overflow: hidden; }
.jp-jai-personaControls-persona-btn { min-width: 0; }
.jp-jai-personaControls-persona { overflow: hidden; text-overflow: ellipsis; }
.la-Context-tokens { white-space: nowrap; }
`;
