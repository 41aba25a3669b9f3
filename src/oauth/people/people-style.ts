/** The style of our pages, as it is served. */
export const peopleStyle = `:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 36rem; margin: 3rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; }
code, dd { overflow-wrap: anywhere; }
dt { font-weight: 600; margin-top: 0.75rem; }
dd { margin: 0; }
button { font: inherit; padding: 0.6rem 1.2rem; border-radius: 0.4rem; border: 2px solid currentColor; cursor: pointer; }
a.main { display: inline-block; padding: 0.6rem 1.2rem; border-radius: 0.4rem; text-decoration: none; }
button.main, a.main { background: #1a5fb4; border-color: #1a5fb4; color: #fff; }
button:disabled { opacity: 0.6; cursor: default; }
:focus-visible { outline: 3px solid #e5a50a; outline-offset: 2px; }
input { font: inherit; padding: 0.5rem; width: 100%; box-sizing: border-box; }
label { display: block; font-weight: 600; }
.quiet { font-size: 0.9rem; }
.warning { border-left: 4px solid #e5a50a; padding: 0.2rem 0 0.2rem 0.8rem; }
form.row { display: flex; gap: 1rem; flex-wrap: wrap; }
[hidden] { display: none; }
`;
