import { button } from './download.js';
import { make } from './item.js';
import { ROLES, bytes } from './modelstalk.js';
const ABILITIES = {
    completion: 'writes',
    insert: 'fills in',
    embedding: 'embeds',
    tools: 'tools',
    thinking: 'thinks',
    vision: 'sees'
};
const FITS = {
    graphics: ['GPU', "It fits into the graphics card's memory."],
    yes: ['yes', "It fits into this machine's memory."],
    tight: ['tight', 'It leaves little memory for your notebooks.'],
    slow: ['slow', 'It fits, and writes fewer than five tokens a second here.'],
    no: ['no', "It is larger than this machine's memory."],
    unknown: ['?', 'The memory of the machine where it would run is not known.']
};
const ROLE_WORDS = {
    chat: 'Chat',
    completion: 'Completion',
    embedding: 'Embedding'
};
export function installedTable(models, actions) {
    const rows = models.map(model => {
        const uses = ROLES.map(role => useButton(role, model, actions));
        const group = make('div', 'la-Models-uses', ...uses);
        group.setAttribute('role', 'group');
        group.setAttribute('aria-label', `Use ${model.name} for`);
        return row(model, group);
    });
    return table(['Model', 'Size', 'Can', 'Fits', 'Use for'], rows);
}
export function otherTable(models, actions) {
    const rows = models.map(model => {
        const get = button('Download', () => actions.download([model.name]));
        get.id = idOf('get', model.name);
        get.disabled = actions.busy;
        get.setAttribute('aria-label', `Download ${model.name}, ${bytes(model.size)}`);
        return row(model, get);
    });
    return table(['Model', 'Size', 'For', 'Fits', ''], rows);
}
export function abilities(model) {
    const words = model.installed ? model.abilities.map(each => ABILITIES[each] ?? '') : model.suits;
    return words.filter(word => word).join(', ') || '–';
}
function useButton(role, model, actions) {
    const on = model.answers.includes(role);
    const node = button(ROLE_WORDS[role], () => actions.use(role, model.name));
    node.id = idOf(role, model.name);
    node.setAttribute('aria-pressed', String(on));
    node.setAttribute('aria-label', `Use ${model.name} for ${role}`);
    if (!model.suits.includes(role) && !on) {
        node.disabled = true;
        node.title = `${model.name} is not made for that.`;
    }
    return node;
}
function row(model, last) {
    const about = [
        model.runs_at && `runs at ${model.runs_at}`,
        model.good_at,
        model.licence
    ].filter(part => part);
    const name = make('th', '', make('div', 'la-Models-name', model.name));
    name.scope = 'row';
    if (about.length) {
        name.append(make('div', 'la-Models-about', about.join(' · ')));
    }
    const [word, meaning] = FITS[model.fit];
    const fits = make('td', 'la-Models-fits', word);
    fits.dataset.fit = model.fit;
    fits.title = meaning;
    const node = make('tr', '', name, make('td', 'la-Models-size', model.size ? bytes(model.size) : '–'), make('td', 'la-Models-can', abilities(model)), fits, make('td', 'la-Models-act', last));
    node.dataset.model = model.name;
    return node;
}
function table(heads, rows) {
    const cells = heads.map(head => {
        const cell = make('th', '', head);
        cell.scope = 'col';
        return cell;
    });
    return make('table', 'la-Models-table', make('thead', '', make('tr', '', ...cells)), make('tbody', '', ...rows));
}
function idOf(what, model) {
    return `la-${what}-${model}`;
}
