const PERSONA = 'jupyter-ai-personas::local_assistant::LocalAssistantPersona';
export function join({ react }, ...[app, controls, commands]) {
    controls.addControl({
        id: 'local-assistant:context',
        personaId: PERSONA,
        component: input => react.createElement?.('span', {
            hidden: true,
            ref: (node) => void import('./context.js').then(({ show }) => show(app, commands, input, node))
        })
    });
}
