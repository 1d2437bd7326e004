import { head } from './decide.js';
import { localPath } from './editor.js';
const SOURCE_UNITS = 196_608;
const FIRST_UNITS = 32_768;
const TEXT_UNITS = 16_384;
const MOST_CELLS = 5_000;
const MOST_OUTPUTS = 50;
const MOST_FAILED = 3;
const NEAR = 3;
const LINES_AROUND = 60;
export class Watch {
    app;
    changed = () => undefined;
    document = null;
    touched = false;
    constructor(app) {
        this.app = app;
        app.shell.currentChanged?.connect(() => this.look());
        document.addEventListener('selectionchange', () => this.changed());
        document.addEventListener('focusin', event => {
            const target = event.target;
            if (target.closest('.cm-editor') && this.document?.node.contains(target)) {
                this.touched = true;
                this.changed();
            }
        });
        this.look();
    }
    seen() {
        const shown = this.document;
        if (!shown || shown.isDisposed) {
            return null;
        }
        const editor = editorOf(shown);
        return editor ? file(shown, editor) : notebook(shown, this.touched);
    }
    look() {
        const current = this.app.shell.currentWidget;
        if (current?.node.querySelector('.jp-chat-input-container')) {
            return;
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
    leave() {
        for (const signal of signals(this.document)) {
            signal.disconnect(this.onContent, this);
        }
        this.document?.content?.activeCellChanged?.disconnect(this.onActiveCell, this);
    }
    onContent() {
        this.changed();
    }
    onActiveCell() {
        this.touched = false;
        this.changed();
    }
}
function signals(shown) {
    const model = shown && !shown.isDisposed ? shown.context?.model : null;
    return model?.contentChanged ? [model.contentChanged] : [];
}
function isNotebook(shown) {
    return !!shown.content?.widgets && shown.content.activeCell !== undefined;
}
function editorOf(shown) {
    const editor = shown.content?.editor;
    return shown.context && editor?.editor?.state ? editor : null;
}
function file(shown, editor) {
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
function notebook(shown, touched) {
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
function sourcesOf(widgets, active, failed) {
    const all = widgets.map((_, index) => index);
    const above = all.slice(0, active).reverse();
    const sources = all.map(() => '');
    let left = SOURCE_UNITS;
    const take = (indexes, most) => {
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
function nearAbove(widgets, sources, active) {
    const found = [];
    for (let index = active - 1; index >= 0 && found.length < NEAR; index--) {
        if (widgets[index].model.type === 'code' && sources[index].trim()) {
            found.push(index);
        }
    }
    return found;
}
function countOf(cell) {
    return cell.model.executionCount ?? 0;
}
function outputsOf(cell) {
    const area = cell.model.outputs;
    const all = area?.length ?? 0;
    const length = Math.min(all, MOST_OUTPUTS);
    return area ? Array.from({ length }, (_, index) => area.get(all - length + index)) : [];
}
function hasFailed(cell) {
    return outputsOf(cell).some(output => output.type === 'error');
}
function texts(outputs) {
    return outputs.map(output => text(output)).filter(found => found !== null);
}
function text(output) {
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
