/** Names that the addon of this platform may have. */
export declare function addonFiles(): readonly string[];
/** The one of them that a build makes. */
export declare function addonFile(): string;
