import { head } from './decide.js';
const PREFIX_UNITS = 65_536;
const PREFIX_STEP = 16_384;
const SUFFIX_UNITS = 16_384;
const CELL_UNITS = 8_192;
const BEFORE_UNITS = 131_072;
const AFTER_UNITS = 32_768;
const ACTIVE_CLASS = 'jp-mod-inline-completer-active';
const numbers = new WeakMap();
let next = 1;
function numberOf(editor) {
    const known = numbers.get(editor.host);
    if (known !== undefined) {
        return known;
    }
    numbers.set(editor.host, next);
    return next++;
}
export function usesVim(editor) {
    return !!editor.editor.cm?.state?.vim;
}
export function placeOf(editor) {
    if (editor.editor.cm?.state?.vim?.insertMode === false) {
        return null;
    }
    const state = editor.editor.state;
    const cursor = state.selection.main;
    if (!cursor.empty || state.selection.ranges.length > 1 || state.readOnly) {
        return null;
    }
    const at = cursor.head;
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
function whole(text) {
    const unit = text.charCodeAt(0);
    return unit >= 0xdc00 && unit < 0xe000 ? text.slice(1) : text;
}
export function surroundings(context, editor, place) {
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
function nearest(cells, budget) {
    const found = [];
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
function pathOf(widget) {
    return localPath(widget.context?.path ?? '');
}
export function localPath(path) {
    return path.replace(/^[^/:]+:/, '');
}
export function insert(editor, text) {
    const at = editor.editor.state.selection.main.head;
    editor.editor.dispatch({
        changes: { from: at, insert: text },
        selection: { anchor: at + text.length },
        scrollIntoView: true,
        userEvent: 'input.complete'
    });
}
export function hasGhost(editor) {
    return editor.host.classList.contains(ACTIVE_CLASS);
}
export function freeTab(editor) {
    editor.host.classList.remove(ACTIVE_CLASS);
}
export function clearGhost(editor) {
    document.dispatchEvent(new PointerEvent('pointerdown'));
    freeTab(editor);
}
