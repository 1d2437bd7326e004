export const STATE_WORDS = {
    starting: 'Starting',
    ready: 'Ready',
    loading: 'Loading the model',
    generating: 'Writing',
    paused: 'Paused',
    no_fim: 'This model only continues text',
    error: 'Not available'
};
export function stateOf(status) {
    return status ? (status.enabled ? status.state : 'paused') : 'starting';
}
function shortName(model) {
    return (model ?? '').replace(/^.*[/\\]/, '').replace(/\.gguf$|:latest$/, '');
}
export function summary(status, latency) {
    const name = shortName(status?.model);
    switch (stateOf(status)) {
        case 'starting':
            return 'Ghost text';
        case 'loading':
            return name ? `Loading ${name}` : 'Loading';
        case 'paused':
            return 'Paused';
        case 'no_fim':
            return `${name} (no infill)`;
        case 'error':
            return 'No ghost text';
        default:
            if (!name) {
                return 'Ghost text';
            }
            return latency === null ? name : `${name} · ${Math.round(latency)} ms`;
    }
}
