// Takes from the packages what the pages use and writes it, with compressed twins, to a folder:
//   node build.js PACKAGES OUT SOURCE...
// PACKAGES is the folder with node_modules; the SOURCEs are the folders whose files name classes.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { extname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const [packages, out, ...sources] = process.argv.slice(2);
const modules = join(packages, "node_modules");
const { PurgeCSS } = createRequire(join(packages, "package.json"))("purgecss");

const SCRIPTS = {
  "htmx.js": "htmx.org/dist/htmx.min.js",
  "sortable.js": "sortablejs/Sortable.min.js",
};
const FONT = "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2";
const TEXTS = new Set([".css", ".js", ".svg"]);

const read = (path) => readFileSync(join(modules, path));
const withoutMap = (text) => text.replace(/^\/[/*][#@] sourceMappingURL=.*$/gm, "");

function write(name, content) {
  const body = Buffer.from(content);
  writeFileSync(join(out, name), body);
  if (!TEXTS.has(extname(name))) return;
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } };
  writeFileSync(join(out, `${name}.br`), brotliCompressSync(body, quality));
  writeFileSync(join(out, `${name}.gz`), gzipSync(body, { level: 9 }));
}

// The rules of the kit that some file may use; `data-bs-theme` and states are set at run time.
async function purged() {
  const content = sources.flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((file) => file.isFile() && /\.(html|js)$|^looks\.py$/.test(file.name))
      .map((file) => join(file.parentPath ?? file.path, file.name)),
  );
  const raw = withoutMap(read("@tabler/core/dist/css/tabler.min.css").toString());
  const [{ css }] = await new PurgeCSS().purge({
    content,
    css: [{ raw }],
    defaultExtractor: (text) => text.match(/[\w:/-]+/g) ?? [],
    safelist: { greedy: [/data-bs-theme/, /is-invalid/, /htmx-/, /^was-validated$/] },
    variables: true,
    keyframes: true,
    fontFace: true,
  });
  return css;
}

// One symbol an icon, by our own name for it.
function sprite() {
  const names = readFileSync(join(packages, "icons.txt"), "utf8").trim().split("\n");
  const symbols = names.map((line) => {
    const [ours, theirs] = line.split(" ");
    const svg = read(`@tabler/icons/icons/outline/${theirs}.svg`).toString();
    const shapes = svg.slice(svg.indexOf(">") + 1, svg.lastIndexOf("</svg>"));
    const drawn = shapes.replace(/<path stroke="none" d="M0 0h24v24H0z" fill="none" ?\/>/, "");
    const look = 'viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75"';
    const ends = 'stroke-linecap="round" stroke-linejoin="round"';
    return `<symbol id="${ours}" ${look} ${ends}>${drawn.replace(/\s+/g, " ").trim()}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`;
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
for (const [name, path] of Object.entries(SCRIPTS)) write(name, withoutMap(read(path).toString()));
write("inter.woff2", read(FONT));
write("tabler.css", await purged());
write("icons.svg", sprite());
