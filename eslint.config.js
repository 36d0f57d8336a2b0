// Lints the page's JavaScript with ESLint's own rules alone: `make check` needs no other package.

const BROWSER = [
  "Node", "ResizeObserver", "URLSearchParams", "addEventListener", "clearTimeout", "document", "fetch", "history",
  "innerHeight", "innerWidth", "location", "matchMedia", "setTimeout",
];

module.exports = [
  {
    files: ["hpsearch/report/page/*.js"],
    languageOptions: {
      ecmaVersion: 2022,
      sourceType: "module",
      globals: Object.fromEntries(BROWSER.map((name) => [name, "readonly"])),
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      // Mistakes.
      "array-callback-return": "error",
      "for-direction": "error",
      "no-const-assign": "error",
      "no-constant-binary-expression": "error",
      "no-dupe-args": "error",
      "no-dupe-else-if": "error",
      "no-dupe-keys": "error",
      "no-duplicate-case": "error",
      "no-import-assign": "error",
      "no-loss-of-precision": "error",
      "no-redeclare": "error",
      "no-self-assign": "error",
      "no-self-compare": "error",
      "no-sparse-arrays": "error",
      "no-template-curly-in-string": "error",
      "no-undef": "error",
      "no-unreachable": "error",
      "no-unsafe-negation": "error",
      "no-unused-expressions": "error",
      "no-unused-vars": "error",
      "no-useless-assignment": "error",
      "use-isnan": "error",
      "valid-typeof": "error",
      // Text of a study file must never become HTML or code.
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-restricted-properties": [
        "error", { property: "innerHTML" }, { property: "outerHTML" }, { property: "insertAdjacentHTML" },
      ],
      // One way to write things.
      "eqeqeq": "error",
      "max-len": ["error", 120],
      "no-duplicate-imports": "error",
      "no-else-return": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-arrow-callback": "error",
      "prefer-const": "error",
      "sort-imports": ["error", { ignoreDeclarationSort: true }],
    },
  },
];
