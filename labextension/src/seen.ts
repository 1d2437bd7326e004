/**
 * What the user looks at: the notebook with the cell in use, or lines of a file, as plain text.
 *
 * Contract: nothing is changed here, and no picture leaves here. Of a long notebook the cells
 * that matter come first: the one in use, those that failed, the imports, then the nearest.
 */

import { head } from './decide.js';
import { localPath } from './editor.js';
import type { App, Cell, DocumentWidget, Editor, Output, Signal } from './jupyterlab.js';

const SOURCE_UNITS = 196_608;
const FIRST_UNITS = 32_768;
const TEXT_UNITS = 16_384;
const MOST_CELLS = 5_000;
const MOST_OUTPUTS = 50;
const MOST_FAILED = 3;
const NEAR = 3;
const LINES_AROUND = 60;

interface SeenCell {
  id: string;
  type: string;
  source: string;
  count: number;
  outputs: object[];
}

export interface SeenNotebook {
  kind: 'notebook';
  path: string;
  language: string;
  cells: SeenCell[];
  active: number;
  touched: boolean;
  selection: string;
}

export interface SeenFile {
  kind: 'file';
  path: string;
  text: string;
  first: number;
  cursor: number;
  selected: boolean;
}

/** Follows what the user looks at; `changed` is called often, and in the tick of a key. */
export class Watch {
  changed: () => void = () => undefined;
  private document: DocumentWidget | null = null;
  /** Whether the cursor has been in the active cell since it is the active one. */
  private touched = false;

  constructor(private readonly app: App) {
    app.shell.currentChanged?.connect(() => this.look());
    document.addEventListener('selectionchange', () => this.changed());
    document.addEventListener('focusin', event => {
      const target = event.target as Element;
      if (target.closest('.cm-editor') && this.document?.node.contains(target)) {
        this.touched = true;
        this.changed();
      }
    });
    this.look();
  }

  /** Return it; null where no notebook and no file is in front. */
  seen(): SeenNotebook | SeenFile | null {
    const shown = this.document;
    if (!shown || shown.isDisposed) {
      return null;
    }
    const editor = editorOf(shown);
    return editor ? file(shown, editor) : notebook(shown, this.touched);
  }

  private look(): void {
    const current = this.app.shell.currentWidget;
    if (current?.node.querySelector('.jp-chat-input-container')) {
      return; // a chat in the main area: what was in front before counts
    }
    const shown = current && (editorOf(current) || isNotebook(current)) ? current : null;
    if (shown !== this.document) {
      this.leave();
      this.document = shown;
      this.touched = !!document.activeElement?.closest('.cm-editor');
      for (const signal of signals(shown)) {
        signal.connect(this.onContent, this);
      }
      shown?.content?.activeCellChanged?.connect(this.onActiveCell, this);
    }
    this.changed();
  }

  private leave(): void {
    for (const signal of signals(this.document)) {
      signal.disconnect(this.onContent, this);
    }
    this.document?.content?.activeCellChanged?.disconnect(this.onActiveCell, this);
  }

  private onContent(): void {
    this.changed();
  }

  private onActiveCell(): void {
    this.touched = false;
    this.changed();
  }
}

function signals(shown: DocumentWidget | null): Signal[] {
  const model = shown && !shown.isDisposed ? shown.context?.model : null;
  return model?.contentChanged ? [model.contentChanged] : [];
}

function isNotebook(shown: DocumentWidget): boolean {
  return !!shown.content?.widgets && shown.content.activeCell !== undefined;
}

function editorOf(shown: DocumentWidget): Editor | null {
  const editor = shown.content?.editor;
  return shown.context && editor?.editor?.state ? editor : null;
}

function file(shown: DocumentWidget, editor: Editor): SeenFile {
  const { state } = editor.editor;
  const { from, to, head: at } = state.selection.main;
  const cursor = state.doc.lineAt(at).number;
  const path = localPath(shown.context?.path ?? '');
  if (from !== to) {
    const text = head(state.sliceDoc(from, Math.min(to, from + TEXT_UNITS + 1)), TEXT_UNITS);
    const first = state.doc.lineAt(from).number;
    return { kind: 'file', path, text, first, cursor, selected: true };
  }
  let around = LINES_AROUND;
  for (;;) {
    const first = Math.max(1, cursor - around);
    const begin = state.doc.line(first).from;
    const end = state.doc.line(Math.min(state.doc.lines, cursor + around)).to;
    if (end - begin <= TEXT_UNITS || !around) {
      const text = head(state.sliceDoc(begin, Math.min(end, begin + TEXT_UNITS + 1)), TEXT_UNITS);
      return { kind: 'file', path, text, first, cursor, selected: false };
    }
    around = around >> 1;
  }
}

function notebook(shown: DocumentWidget, touched: boolean): SeenNotebook | null {
  const widgets = shown.content?.widgets ?? [];
  const active = Math.max(0, shown.content?.activeCellIndex ?? 0);
  if (!widgets.length || widgets.length > MOST_CELLS) {
    return null;
  }
  const failed = widgets
    .map((cell, index) => ({ index, count: countOf(cell), error: hasFailed(cell) }))
    .filter(({ error }) => error)
    .sort((one, other) => other.count - one.count || other.index - one.index)
    .slice(0, MOST_FAILED)
    .map(({ index }) => index);
  const sources = sourcesOf(widgets, active, failed);
  const telling = new Set([active, ...failed, ...nearAbove(widgets, sources, active)]);
  const selected = widgets[active]?.editor?.editor.state;
  const range = selected?.selection.main;
  return {
    kind: 'notebook',
    path: localPath(shown.context?.path ?? ''),
    language: shown.context?.model?.defaultKernelLanguage ?? '',
    cells: widgets.map((cell, index) => ({
      id: cell.model.id,
      type: cell.model.type,
      source: sources[index],
      count: countOf(cell),
      outputs: telling.has(index) ? texts(outputsOf(cell)) : []
    })),
    active,
    touched,
    selection: selected && range ? head(selected.sliceDoc(range.from, range.to), TEXT_UNITS) : ''
  };
}

/** Return the cells' sources, empty where there are too many; what matters comes first. */
function sourcesOf(widgets: readonly Cell[], active: number, failed: number[]): string[] {
  const all = widgets.map((_, index) => index);
  const above = all.slice(0, active).reverse();
  const sources: string[] = all.map(() => '');
  let left = SOURCE_UNITS;
  const take = (indexes: number[], most: number) => {
    const stop = left - most;
    for (const index of indexes) {
      const text = sources[index] ? '' : widgets[index].model.sharedModel.getSource();
      if (left - text.length < stop) {
        return;
      }
      left -= text.length;
      sources[index] = sources[index] || text;
    }
  };
  for (const index of [active, ...failed]) {
    sources[index] = head(widgets[index].model.sharedModel.getSource(), TEXT_UNITS * 2);
    left -= sources[index].length;
  }
  take(all.slice(0, active), FIRST_UNITS);
  take(above, left);
  take(all.slice(active + 1), left);
  return sources;
}

/** Return the code cells above that may be meant: the active one can be empty. */
function nearAbove(widgets: readonly Cell[], sources: string[], active: number): number[] {
  const found: number[] = [];
  for (let index = active - 1; index >= 0 && found.length < NEAR; index--) {
    if (widgets[index].model.type === 'code' && sources[index].trim()) {
      found.push(index);
    }
  }
  return found;
}

function countOf(cell: Cell): number {
  return cell.model.executionCount ?? 0;
}

/** Return the last outputs: an error stands below all others. */
function outputsOf(cell: Cell): Output[] {
  const area = cell.model.outputs;
  const all = area?.length ?? 0;
  const length = Math.min(all, MOST_OUTPUTS);
  return area ? Array.from({ length }, (_, index) => area.get(all - length + index)) : [];
}

function hasFailed(cell: Cell): boolean {
  return outputsOf(cell).some(output => output.type === 'error');
}

function texts(outputs: Output[]): object[] {
  return outputs.map(output => text(output)).filter(found => found !== null) as object[];
}

/** Return what is text of an output; null of a picture. */
function text(output: Output): object | null {
  const said = output.toJSON();
  if (said.output_type === 'error') {
    const traceback = (said.traceback ?? []).map(lines => head(lines, TEXT_UNITS));
    return { ...said, traceback: traceback.slice(0, MOST_OUTPUTS) };
  }
  const plain = said.text ?? said.data?.['text/plain'];
  if (plain === undefined) {
    return null;
  }
  const whole = Array.isArray(plain) ? plain.join('') : String(plain);
  return { output_type: 'stream', text: head(whole, TEXT_UNITS) };
}
