package dev.zhulong.recipe.quickstart;

import com.fasterxml.jackson.databind.JsonNode;
import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.Visible;
import dev.zhulong.train.log.LossChart;
import dev.zhulong.train.log.LossCurve;
import dev.zhulong.train.log.MetricsLog;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** {@code report.html}: a {@link Report} as one page that needs nothing else, in light and dark. */
final class ReportPage {
    static final String FILE = "report.html";

    private final Report report;
    private final Path directory;
    private final StringBuilder html = new StringBuilder(1 << 16);

    private ReportPage(Report report, Path directory) {
        this.report = report;
        this.directory = directory;
    }

    /** Writes the page into the run directory, whose metrics it draws. */
    static void write(Path directory, Report report) {
        List<Map<String, Object>> metrics = MetricsLog.read(directory.resolve("run/metrics.jsonl"));
        AtomicFile.writeString(directory.resolve(FILE), html(report, directory, metrics));
    }

    /** The page. */
    static String html(Report report, Path directory, List<Map<String, Object>> metrics) {
        return new ReportPage(report, directory).page(metrics);
    }

    private String page(List<Map<String, Object>> metrics) {
        add("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                + "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Zhulong quickstart</title>\n<style>\n");
        add(css());
        add("</style>\n</head>\n<body>\n");
        head();
        scores();
        charts(metrics);
        samples();
        completions();
        if (report.finetuning() != null) {
            finetuning(report.finetuning());
        }
        stages();
        data();
        model();
        machine();
        reproduce();
        add("</body>\n</html>\n");
        return html.toString();
    }

    private void head() {
        Report.HeldOut h = report.heldOut();
        add("<h1>Zhulong quickstart</h1>\n");
        add("<p class=\"soft\">%s, %s minutes of training</p>\n", text(report.corpus()), plain(report.plan().minutes()));
        add("<div class=\"figures\">\n");
        figure(number("%.4f", h.model().bitsPerByte()), "bits a byte on held-out text");
        figure(number("%.3f", h.ratioToUnigram()), "of the unigram baseline's bits a byte; lower is better");
        figure(number("%,d", report.data().parameters()), "weights");
        figure(number("%,d", report.data().readTokens()), "tokens read in training");
        add("</div>\n");
    }

    private void figure(String value, String what) {
        add("<div class=\"figure\"><b>%s</b><span>%s</span></div>\n", value, what);
    }

    private void scores() {
        Report.HeldOut h = report.heldOut();
        add("<h2>Held-out text</h2>\n<div class=\"wide\"><table>\n<tr><th></th><th class=\"n\">nats a token</th>"
                + "<th class=\"n\">perplexity a token</th><th class=\"n\">bits a byte</th></tr>\n");
        score("this model", h.model());
        score("unigram baseline (token frequencies of the training text, add-one)", h.unigram());
        score("the same model before training", h.untrained());
        add("</table></div>\n<p class=\"soft\">%s. All three score the same %s tokens, %s bytes of UTF-8, of %s documents that neither the"
                + " tokenizer nor the model has seen; near-duplicates of training documents were removed before the split. Protocol: %s."
                + "</p>\n", "Lower is better", number("%,d", h.tokens()), number("%,d", h.bytes()), number("%,d", h.documents()),
                text(h.protocol()));
    }

    private void score(String name, Report.Score s) {
        row(name, number("%.4f", s.nats()), number("%,.1f", s.perplexity()), number("%.4f", s.bitsPerByte()));
    }

    private void charts(List<Map<String, Object>> metrics) {
        add("<h2>Training</h2>\n");
        add(new LossChart("Loss", "loss (nats a token)", LossCurve.of(metrics, "loss"), LossCurve.of(metrics, "validation_loss")).svg());
        add("<p class=\"soft\">The training loss is that of each step's rows before the update; the validation points are always over the same few held-out"
                + " rows, so they differ a little from the table above, which scores whole documents.</p>\n");
        var rates = LossCurve.of(metrics, "lr").points().stream().map(p -> new LossCurve.Point(p.step(), 1000 * p.loss())).toList();
        add(new LossChart("Learning rate", "learning rate x 1000", new LossCurve(List.of()), new LossCurve(rates)).svg()
                .replace("validation", "learning rate"));
    }

    private void samples() {
        add("<h2>Samples during training</h2>\n<p class=\"soft\">The same prompt each time, about 40 tokens, temperature 0.6, top-p 0.95,"
                + " seed 1. Written by the model: <mark>marked</mark>.</p>\n");
        for (Report.Sample s : report.samples()) {
            add("<p class=\"soft\">after %s steps</p>\n<pre>%s<mark>%s</mark></pre>\n", number("%,d", s.step()), text(s.prompt()),
                    text(s.text()));
        }
    }

    private void completions() {
        add("<h2>Completions</h2>\n<p class=\"soft\">Snippets that are in no corpus, continued greedily; where text follows the mark, the gap"
                + " was filled by fill-in-the-middle.</p>\n");
        for (Report.Completion c : report.completions()) {
            add("<pre>%s<mark>%s</mark>%s</pre>\n", text(c.before()), text(c.middle()), text(c.after()));
        }
    }

    private void finetuning(Finetuning tuned) {
        add("<h2>Fine-tuning</h2>\n<p class=\"soft\">An adapter of rank %s, trained for %s steps on %s methods and the first sentences of their"
                + " Javadoc, in both directions. Compared on %s methods of documents that were held out; none of their texts and sentences"
                + " occurs in the training data. Answers are generated greedily and cut where the sentence or the method ends, in the same way for"
                + " both. In brackets: standard errors. Signatures: %s.</p>\n", number("%d", tuned.rank()), number("%,d", tuned.steps()),
                number("%,d", tuned.trainPairs()), number("%,d", tuned.heldOutPairs()), text(String.join("; ", tuned.tasks().stream()
                .flatMap(task -> task.metrics().stream()).map(Finetuning.Metric::signature).distinct().toList())));
        for (Finetuning.Result task : tuned.tasks()) {
            add("<h3>%s</h3>\n<div class=\"wide\"><table>\n<tr><th></th><th class=\"n\">model alone</th><th class=\"n\">with the adapter</th>"
                    + "</tr>\n", text(task.what()));
            row("loss, nats a token, over " + number("%,d", task.tokens()) + " tokens", number("%.4f", task.lossBefore()),
                    number("%.4f", task.lossAfter()));
            task.metrics().forEach(m -> row(m.name(), m.before("%s (%s)"), m.after("%s (%s)")));
            add("</table></div>\n");
            for (Finetuning.Answer answer : task.answers()) {
                add("<div class=\"wide\"><table class=\"answers\">\n<tr><th>prompt</th><th>author's text</th><th>model alone</th>"
                        + "<th>with the adapter</th></tr>\n<tr>");
                for (String cell : new String[] {answer.prompt(), answer.reference(), answer.before(), answer.after()}) {
                    add("<td><pre>%s</pre></td>", text(cell));
                }
                add("</tr>\n</table></div>\n");
            }
        }
        add("<p class=\"soft\">All answers: <code>comparison.json</code>; training pairs: <code>pairs/</code>; the adapter, in PEFT's format:"
                + " <code>adapter/</code>.</p>\n");
    }

    private void stages() {
        add("<h2>Stages</h2>\n<div class=\"wide\"><table>\n<tr><th>stage</th><th class=\"n\">seconds</th><th class=\"n\">in start</th></tr>\n");
        for (StageLog.Stage s : report.stages()) {
            row(s.name(), number("%.1f", s.seconds()), number("%d", s.start()));
        }
        double all = report.stages().stream().mapToDouble(StageLog.Stage::seconds).sum();
        add("</table></div>\n<p class=\"soft\">%s seconds in all. Started %s; a stage's time is that of the start that finished it.</p>\n",
                number("%.1f", all), report.starts() == 1 ? "once" : report.starts() + " times");
    }

    private void data() {
        JsonNode totals = report.audit().path("totals");
        add("<h2>Data</h2>\n<p>%s documents read; %s (%s MB) left for training and %s (%s MB) held out.</p>\n",
                number("%,d", totals.path("documents_read").asLong()), number("%,d", totals.path("train_documents").asLong()),
                number("%.1f", totals.path("train_bytes").asLong() / 1e6), number("%,d", totals.path("validation_documents").asLong()),
                number("%.1f", totals.path("validation_bytes").asLong() / 1e6));
        add("<div class=\"wide\"><table>\n<tr><th>cleaning step</th><th class=\"n\">documents in</th><th class=\"n\">changed</th>"
                + "<th class=\"n\">removed</th><th class=\"n\">MB in</th><th class=\"n\">MB out</th></tr>\n");
        for (JsonNode step : report.audit().path("steps")) {
            row(step.path("name").asText(), number("%,d", step.path("documents_in").asLong()), number("%,d", step.path("changed").asLong()),
                    number("%,d", step.path("dropped").asLong()), number("%.1f", step.path("bytes_in").asLong() / 1e6),
                    number("%.1f", step.path("bytes_out").asLong() / 1e6));
        }
        add("</table></div>\n<p>Reasons and examples: <a href=\"corpus/audit.html\">the cleaning audit</a>.</p>\n");
        Report.Data d = report.data();
        add("<p>Tokenizer: byte-level BPE, %s tokens, %s bytes of held-out text a token. Token shards for training: %s tokens in %s documents,"
                + " chosen by hash; %s %% of the documents were cut into pieces with a gap to fill.</p>\n",
                number("%,d", d.vocabulary()), number("%.3f", d.bytesPerToken()), number("%,d", d.trainTokens()),
                number("%,d", d.trainDocuments()), number("%.0f", 100 * report.plan().fillInTheMiddle()));
    }

    private void model() {
        Plan plan = report.plan();
        Plan.Shape s = plan.shape();
        add("<h2>Model and recipe</h2>\n<div class=\"wide\"><table>\n");
        row("architecture", "Llama: " + s.layers() + " layers, " + s.hidden() + " wide, " + s.heads() + " heads, MLP " + s.intermediate()
                + ", embedding and head tied, context " + s.seq() + " tokens");
        row("weights", number("%,d", report.data().parameters()) + ", fp32");
        row("steps", number("%,d", plan.steps()) + " of " + s.batch() + " rows x " + s.seq() + " tokens");
        row("learning rate", plain(plan.learningRate()) + " after " + plan.warmup() + " steps of warm-up, cosine to a twentieth");
        row("optimizer", "AdamW, betas 0.9 and 0.95, weight decay " + plain(Plan.WEIGHT_DECAY) + ", gradients clipped at norm "
                + plain(Plan.CLIP));
        row("seed", Long.toString(plan.seed()));
        row("sized by", number("%.1f", plan.measured().gflops()) + " GFLOP/s fp32 matrix product, "
                + number("%.4f", plan.measured().secondsPerStep()) + " seconds a step, measured before the first stage");
        add("</table></div>\n");
    }

    private void machine() {
        Report.Machine m = report.machine();
        add("<h2>Machine and versions</h2>\n<div class=\"wide\"><table>\n");
        row("processor", text(m.processor()) + ", " + m.cores() + " cores usable, " + m.threads() + " threads for tensors");
        row("memory", number("%.1f", m.memoryBytes() / 1e9) + " GB");
        row("system", text(m.system()));
        row("Java", text(m.java()));
        row("Zhulong", text(m.zhulong()));
        row("libtorch", text(m.libtorch()) + " with " + text(m.blas()));
        add("</table></div>\n");
    }

    private void reproduce() {
        Plan plan = report.plan();
        String corpus = plan.corpus() == null ? "" : " --corpus " + plan.corpus();
        add("<h2>Run it again</h2>\n<p>The same request, sized again for the machine:</p>\n<pre>%s</pre>\n",
                text("./zhulong quickstart --minutes " + plain(plan.minutes()) + " --seed " + plan.seed() + corpus + " --out runs/again"));
        add("<p>The same bits, on the same machine and corpus with %s threads:</p>\n<pre>%s</pre>\n", report.plan().measured().threads(),
                text("./zhulong quickstart --plan " + directory.resolve(Plan.FILE) + " --out runs/again"));
        add("<h2>Next</h2>\n<pre>%s</pre>\n", text(String.join("\n", NextCommands.of(directory, report.finetuning() != null))));
        add("<p class=\"soft\">This directory is in the Hugging Face layout; <code>zhulong.json</code> says what it was made from,"
                + " <code>report.json</code> has the numbers of this page.</p>\n");
    }

    /** Cells after the first are numbers when there are several. */
    private void row(String name, String... cells) {
        add("<tr><td>%s</td>", text(name));
        for (String cell : cells) {
            add("<td%s>%s</td>", cells.length > 1 ? " class=\"n\"" : "", cell);
        }
        add("</tr>\n");
    }

    private void add(String piece, Object... values) {
        html.append(values.length == 0 ? piece : String.format(Locale.ROOT, piece, values));
    }

    private static String number(String format, Object value) {
        return String.format(Locale.ROOT, format, value);
    }

    /** A number without needless digits. */
    private static String plain(double value) {
        return value == Math.rint(value) && Math.abs(value) < 1e9 ? Long.toString((long) value)
                : new java.math.BigDecimal(value).round(new java.math.MathContext(4)).stripTrailingZeros().toPlainString();
    }

    private static String text(String raw) {
        return Visible.html(Visible.text(raw));
    }

    private static String css() {
        try (var in = ReportPage.class.getResourceAsStream("report.css")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
