/** In `where` of an error: the key of an object that is not what its writer says that it wrote. It may be written again. */
export const DAMAGED = 'damaged'
