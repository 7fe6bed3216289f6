// Gives back everything that a function sees of its environment.
export const handler = async () => process.env
