/**
 * Read what the user edits out of JupyterLab's widgets: the place, and the cells around it.
 *
 * Contract: nothing is changed here but by `insert` and `clearGhost`. Offsets are those of the
 * editor itself (UTF-16 units), so that no character is ever split.
 */

import { head, type Place } from './decide.js';
import type { CompletionContext, DocumentWidget, Editor } from './jupyterlab.js';
import type { Cell, Question } from './talk.js';

const PREFIX_UNITS = 65_536;
const PREFIX_STEP = 16_384;
const SUFFIX_UNITS = 16_384;
const CELL_UNITS = 8_192;
const BEFORE_UNITS = 131_072;
const AFTER_UNITS = 32_768;

const ACTIVE_CLASS = 'jp-mod-inline-completer-active';

const numbers = new WeakMap<HTMLElement, number>();
let next = 1;

function numberOf(editor: Editor): number {
  const known = numbers.get(editor.host);
  if (known !== undefined) {
    return known;
  }
  numbers.set(editor.host, next);
  return next++;
}

/** Whether Escape has a use of its own in this editor. */
export function usesVim(editor: Editor): boolean {
  return !!editor.editor.cm?.state?.vim;
}

/** Return the place of the cursor, or null where there is not exactly one to write at. */
export function placeOf(editor: Editor): Place | null {
  if (editor.editor.cm?.state?.vim?.insertMode === false) {
    return null; // Vim takes keys as commands
  }
  const state = editor.editor.state;
  const cursor = state.selection.main;
  if (!cursor.empty || state.selection.ranges.length > 1 || state.readOnly) {
    return null;
  }
  const at = cursor.head;
  // In big steps: the text's start stays the same from key to key, for the model's cache, too.
  const over = Math.max(0, at - PREFIX_UNITS);
  const from = Math.ceil(over / PREFIX_STEP) * PREFIX_STEP;
  const prefix = state.sliceDoc(from, at);
  const suffix = state.sliceDoc(at, Math.min(state.doc.length, at + SUFFIX_UNITS + 1));
  return {
    editor: numberOf(editor),
    prefix: from ? whole(prefix) : prefix,
    suffix: head(suffix, SUFFIX_UNITS)
  };
}

/** Without the second half of a character whose first half was cut off. */
function whole(text: string): string {
  const unit = text.charCodeAt(0);
  return unit >= 0xdc00 && unit < 0xe000 ? text.slice(1) : text;
}

/** Return all of a question but who asks and why. */
export function surroundings(
  context: CompletionContext,
  editor: Editor,
  place: Place
): Omit<Question, 'page' | 'trigger'> {
  const { widget } = context;
  const here = { mime: editor.model.mimeType, prefix: place.prefix, suffix: place.suffix };
  const cells = widget.content?.widgets;
  if (cells && widget.content?.activeCell !== undefined) {
    const at = cells.findIndex(cell => cell.editor === editor);
    const others = cells.map(cell => ({
      type: cell.model.type,
      source: () => cell.model.sharedModel.getSource()
    }));
    return {
      ...here,
      kind: 'notebook',
      path: pathOf(widget),
      cell_type: others[at]?.type ?? 'code',
      before: nearest(others.slice(0, Math.max(0, at)).reverse(), BEFORE_UNITS).reverse(),
      after: nearest(others.slice(at + 1), AFTER_UNITS)
    };
  }
  if (widget.console) {
    const inputs = Array.from(widget.console.cells ?? [])
      .filter(({ model }) => model.type === 'code')
      .map(({ model }) => ({ type: 'code', source: () => model.sharedModel.getSource() }));
    return {
      ...here,
      kind: 'console',
      path: localPath(widget.console.sessionContext?.path ?? ''),
      cell_type: 'code',
      before: nearest(inputs.reverse(), BEFORE_UNITS).reverse(),
      after: []
    };
  }
  return {
    ...here,
    kind: 'file',
    path: pathOf(widget),
    cell_type: 'code',
    before: [],
    after: []
  };
}

/** Return the cells, nearest first, until `budget` is used up. */
function nearest(cells: { type: string; source: () => string }[], budget: number): Cell[] {
  const found: Cell[] = [];
  for (const { type, source } of cells) {
    const text = head(source(), CELL_UNITS);
    budget -= text.length;
    if (budget < 0) {
      break;
    }
    if (text.trim()) {
      found.push({ type, source: text });
    }
  }
  return found;
}

function pathOf(widget: DocumentWidget): string {
  return localPath(widget.context?.path ?? '');
}

/** Without the drive's name, as in `RTC:folder/notebook.ipynb`. */
export function localPath(path: string): string {
  return path.replace(/^[^/:]+:/, '');
}

/** Insert text at the cursor, as typing it would. */
export function insert(editor: Editor, text: string): void {
  const at = editor.editor.state.selection.main.head;
  editor.editor.dispatch({
    changes: { from: at, insert: text },
    selection: { anchor: at + text.length },
    scrollIntoView: true,
    userEvent: 'input.complete'
  });
}

export function hasGhost(editor: Editor): boolean {
  return editor.host.classList.contains(ACTIVE_CLASS);
}

/** Give the Tab key back: JupyterLab keeps it while this class is set, ghost or not. */
export function freeTab(editor: Editor): void {
  editor.host.classList.remove(ACTIVE_CLASS);
}

/** Take the ghost away. JupyterLab has no command for it; it does so on a click elsewhere. */
export function clearGhost(editor: Editor): void {
  document.dispatchEvent(new PointerEvent('pointerdown'));
  freeTab(editor);
}
