performance.mark('local-assistant:begin');
export {};
