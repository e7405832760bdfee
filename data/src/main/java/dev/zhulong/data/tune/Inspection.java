package dev.zhulong.data.tune;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.data.read.RowReport;
import dev.zhulong.formats.Visible;
import dev.zhulong.text.chat.SupervisedTokens;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeSet;

/**
 * A data file as the model will see it: what became of its rows, how long they are, and some of them token by token.
 *
 * @param examples  the file, read; its report counts also what was refused while it became tokens
 * @param documents every sequence; of preference pairs the better answer and then the worse
 * @param seq       most inputs of a sequence
 * @param table     shows tokens
 */
public record Inspection(Examples examples, List<SupervisedDocument> documents, int seq, TokenTable table) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Reads a file and makes all of it tokens. */
    public static Inspection of(DataSource source, ExampleEncoder encoder, TokenTable table) {
        Examples examples = ExampleReader.read(source);
        var documents = new ArrayList<SupervisedDocument>();
        for (ExampleRow row : examples.examples()) {
            if (row.example() instanceof Example.Preference) {
                encoder.preference(row, examples.report()).ifPresent(pair -> {
                    documents.add(new SupervisedDocument(pair.source(), pair.where() + " chosen", pair.chosenSequence(), pair.truncated()));
                    documents.add(new SupervisedDocument(pair.source(), pair.where() + " rejected", pair.rejectedSequence(), pair.truncated()));
                });
            } else {
                documents.addAll(encoder.encode(row, examples.report()));
            }
        }
        return new Inspection(examples, List.copyOf(documents), encoder.seq(), table);
    }

    /** The sequences of one row; none where the row was refused or is not there. */
    public List<SupervisedDocument> row(long number) {
        List<String> where = examples.examples().stream().filter(row -> row.row() == number).map(ExampleRow::where).toList();
        return documents.stream().filter(document -> where.stream().anyMatch(place -> document.where().equals(place)
                || document.where().startsWith(place + " "))).toList();
    }

    /** Some sequences, drawn without repetition, in the file's order. */
    public List<SupervisedDocument> sample(int count, long seed) {
        var random = new SplittableRandom(seed);
        var drawn = new TreeSet<Integer>();
        while (drawn.size() < Math.min(count, documents.size())) {
            drawn.add(random.nextInt(documents.size()));
        }
        return drawn.stream().map(documents::get).toList();
    }

    private long tokens() {
        return documents.stream().mapToLong(document -> document.tokens().ids().length).sum();
    }

    private long learnt() {
        return documents.stream().mapToLong(document -> document.tokens().count()).sum();
    }

    private long cut() {
        return documents.stream().filter(SupervisedDocument::truncated).count();
    }

    /** Rows read, used and refused, the layout, and how long the sequences are; several lines. */
    public String summary() {
        var out = new StringBuilder();
        out.append("layout: ").append(examples.layout().name().toLowerCase(Locale.ROOT)).append(" (");
        out.append(String.join(", ", examples.columns().entrySet().stream()
                .map(e -> e.getKey().equals(e.getValue()) ? e.getKey() : e.getKey() + " = " + e.getValue()).toList()));
        out.append(')').append(System.lineSeparator()).append(examples.report().text());
        if (documents.isEmpty()) {
            return out.append("nothing to train on").append(System.lineSeparator()).toString();
        }
        out.append(String.format(Locale.ROOT, "%,d sequences of at most %,d tokens: %,d tokens, %,d learnt (%.0f %%), %,d sequences cut%n",
                documents.size(), seq + 1, tokens(), learnt(), 100.0 * learnt() / tokens(), cut()));
        return out.append(Lengths.of(documents).text()).toString();
    }

    /** One sequence: a headline, the table of its tokens, the whole text. */
    public String show(SupervisedDocument document, boolean colour) {
        SupervisedTokens tokens = document.tokens();
        var out = new StringBuilder();
        out.append(String.format(Locale.ROOT, "%s: %,d tokens, %,d learnt (%s), %s%n", document.where(), tokens.ids().length, tokens.count(),
                TokenTable.LEARNT, document.truncated() ? "cut: its end is not learnt" : "last learnt " + last(tokens).text()));
        return out.append(table.text(tokens, colour)).append("text:").append(System.lineSeparator()).append(Visible.text(table.whole(tokens)))
                .append(System.lineSeparator()).toString();
    }

    private TokenTable.Line last(SupervisedTokens tokens) {
        return table.lines(tokens).stream().filter(TokenTable.Line::supervised).toList().getLast();
    }

    /** Summary and the sequences {@code shown} as a JSON object. */
    public String json(List<SupervisedDocument> shown) {
        ObjectNode root = JSON.createObjectNode();
        root.put("layout", examples.layout().name().toLowerCase(Locale.ROOT));
        ObjectNode columns = root.putObject("columns");
        examples.columns().forEach(columns::put);
        RowReport report = examples.report();
        root.put("rows_read", report.read()).put("rows_used", report.used()).put("rows_refused", report.refusals());
        tallies(root.putObject("refused"), report.refused());
        tallies(root.putObject("noted"), report.noted());
        root.put("seq", seq).put("sequences", documents.size()).put("tokens", tokens()).put("supervised", learnt()).put("truncated", cut());
        if (!documents.isEmpty()) {
            Lengths lengths = Lengths.of(documents);
            ObjectNode node = root.putObject("lengths");
            node.put("min", lengths.least()).put("median", lengths.median()).put("p95", lengths.p95()).put("max", lengths.greatest());
            ArrayNode bins = node.putArray("bins");
            lengths.bins().forEach(bin -> bins.addObject().put("from", bin.from()).put("to", bin.to()).put("count", bin.count()));
        }
        ArrayNode samples = root.putArray("samples");
        shown.forEach(document -> sample(samples.addObject(), document));
        return root.toPrettyString();
    }

    private static void tallies(ObjectNode node, Map<String, RowReport.Tally> tallies) {
        tallies.forEach((reason, tally) -> {
            ObjectNode entry = node.putObject(reason).put("count", tally.count());
            ArrayNode samples = entry.putArray("samples");
            tally.samples().forEach(sample -> samples.addObject().put("where", sample.where()).put("detail", sample.detail())
                    .put("snippet", sample.snippet()));
        });
    }

    private void sample(ObjectNode node, SupervisedDocument document) {
        SupervisedTokens tokens = document.tokens();
        node.put("where", document.where()).put("supervised", tokens.count()).put("truncated", document.truncated())
                .put("ends_with_control", !document.truncated() && last(tokens).control()).put("text", table.whole(tokens));
        ArrayNode list = node.putArray("tokens");
        table.lines(tokens).forEach(line -> list.addObject().put("position", line.position()).put("id", line.id()).put("text", line.text())
                .put("control", line.control()).put("supervised", line.supervised()));
    }
}
