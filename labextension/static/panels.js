const panels = new Map();
export async function open(name, parts) {
    const { app } = parts;
    let panel = panels.get(name);
    if (!panel || panel.isDisposed) {
        panel = await create(name, parts);
        panels.set(name, panel);
    }
    if (!panel.isAttached) {
        const notebook = app.name.includes('Notebook');
        app.shell.add(panel, notebook ? 'right' : 'main');
        if (notebook) {
            app.shell.expandRight?.();
        }
    }
    app.shell.activateById(panel.id);
}
async function create(name, { shared, talk, store }) {
    if (name === 'models') {
        const { createModels } = await import('./models.js');
        return createModels(shared.Widget, talk, store);
    }
    const { createPanel } = await import('./panel.js');
    return createPanel(shared.Widget, talk, () => void store.refresh());
}
