export const ROLES = ['chat', 'completion', 'embedding'];
export class ModelsTalk {
    talk;
    constructor(talk) {
        this.talk = talk;
    }
    async list() {
        return (await this.talk.send('GET', 'models')).json();
    }
    async use(role, model) {
        const reply = await this.talk.send('POST', 'models/use', { role, model });
        return reply.json();
    }
    async job(method, models, force = false) {
        const reply = await this.talk.send(method, 'models/pull', models && { models, force });
        return (await reply.json()).job;
    }
}
export function missingModels(listing) {
    const roles = ROLES.map(role => listing.roles[role]);
    const standIns = new Map();
    const absent = new Set();
    for (const { missing, named, model } of roles) {
        if (missing) {
            standIns.set(missing.name, missing.size);
        }
        else if (named && !model && !/\.gguf$/i.test(named)) {
            absent.add(named);
        }
    }
    const names = [...standIns.keys(), ...absent];
    const total = [...standIns.values()].reduce((sum, size) => sum + size, 0);
    const text = [
        standIns.size && `The demo model stands in for ${[...standIns.keys()].join(', ')}.`,
        absent.size && `You chose ${[...absent].join(', ')}, which is not there.`
    ];
    const size = absent.size || !total ? '' : bytes(total);
    return names.length ? { names, text: text.filter(part => part).join(' '), size } : null;
}
export function bytes(count) {
    for (const [unit, size] of [['GB', 1e9], ['MB', 1e6], ['kB', 1e3]]) {
        if (count >= size) {
            const value = count / size;
            return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
        }
    }
    return `${count} B`;
}
export function duration(seconds) {
    const whole = Math.max(1, Math.round(seconds));
    if (whole < 60) {
        return `${whole} s`;
    }
    const minutes = Math.floor(whole / 60);
    if (minutes < 60) {
        return minutes < 10 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
    }
    return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
