package dev.zhulong.data.label;

import dev.zhulong.data.read.RowReader;
import dev.zhulong.data.read.RowReport;
import dev.zhulong.text.tags.EntitySpan;
import dev.zhulong.text.tags.TagScheme;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Reads sentences with a tag for each word: JSON Lines, JSON and Parquet with a list of words and one of tags or in CLUENER's form ({@link PlacedEntities}),
 * everything else as CoNLL. Tags in {@link TagScheme#IOB1} come out in {@link TagScheme#IOB2}, so that every entity begins alike; tags that break a scheme stay and are noted.
 */
public final class TagReader {
    private static final int NOTED = 1000;

    private TagReader() {}

    /**
     * What a file gives.
     *
     * @param scheme of the tags as they come out; empty where they are plain classes, such as parts of speech
     */
    public record Tagged(LabelledRows<TaggedWords> rows, Optional<TagScheme> scheme) {}

    /**
     * Every sentence of a file; in CoNLL the words are in the first column.
     *
     * @param columns    of files of rows; their names of labels hold for CoNLL too
     * @param tagsColumn of CoNLL: number of the tags' column from 1, or its name in {@code # global.columns}; empty for the last
     * @throws IllegalArgumentException where the file is missing, has no such column, or no sentence that can be used
     */
    public static Tagged read(Path file, LabelColumns columns, String tagsColumn) {
        var report = new RowReport();
        var seen = new RowFields.Seen();
        List<RowReader.Row> sources = new ArrayList<>();
        List<TaggedWords> rows = new ArrayList<>();
        boolean[] placed = new boolean[1];
        String name = file.toString().toLowerCase(Locale.ROOT).replaceAll("\\.(gz|zst|bz2)$", "");
        boolean conll = !name.matches(".*\\.(jsonl|ndjson|json|parquet)");
        LabelColumns where = conll ? LabelColumns.TAGS.withNames(columns.names()) : columns;
        Consumer<RowReader.Row> each = row -> {
            seen.add(row);
            var fields = new RowFields(row, report);
            if (!conll && PlacedEntities.areIn(row.fields(), where.text())) {
                placed[0] = true;
                TaggedWords read = PlacedEntities.read(fields);
                if (read != null) {
                    sources.add(row);
                    rows.add(read);
                }
                return;
            }
            List<String> words = fields.list(where.text(), false);
            List<String> tags = words == null ? null : fields.list(where.label(), true);
            if (tags == null) {
                return;
            }
            if (words.isEmpty() || words.size() != tags.size()) {
                fields.refuse(words.isEmpty() ? "no words" : "as many tags as words are needed", words.isEmpty() ? "" : words.size() + " words, " + tags.size() + " tags");
                return;
            }
            sources.add(row);
            rows.add(new TaggedWords(row.where(), words, tags.stream().map(where::name).toList()));
        };
        if (conll) {
            RowReader.readConll(file, 1, tagsColumn, report, each);
        } else {
            RowReader.read(file, true, report, each);
        }
        seen.requireRows(file, report, !rows.isEmpty(), placed[0] ? new String[0] : new String[] {where.text(), where.label()});
        Optional<TagScheme> scheme = TagScheme.of(() -> rows.stream().map(TaggedWords::tags).iterator());
        if (scheme.equals(Optional.of(TagScheme.IOB1))) {
            report.note("tags in IOB1 are written in IOB2", new RowReport.Sample(rows.getFirst().where(), "", ""));
            return new Tagged(new LabelledRows<>(rows.stream().map(TagReader::inIob2).toList(), report), Optional.of(TagScheme.IOB2));
        }
        scheme.ifPresent(s -> noteSlips(rows, sources, s, conll, file.getFileName().toString(), report));
        return new Tagged(new LabelledRows<>(rows, report), scheme);
    }

    private static TaggedWords inIob2(TaggedWords row) {
        return new TaggedWords(row.where(), row.words(), EntitySpan.iob2(EntitySpan.lenient(row.tags()), row.tags().size()));
    }

    /** Words that a tag puts inside an entity that does not begin before them. */
    private static void noteSlips(List<TaggedWords> rows, List<RowReader.Row> sources, TagScheme scheme, boolean lines, String file, RowReport report) {
        int noted = 0;
        for (int r = 0; r < rows.size() && noted < NOTED; r++) {
            List<String> tags = rows.get(r).tags();
            for (int i = 0; i < tags.size(); i++) {
                if (scheme.breaks(i == 0 ? "O" : tags.get(i - 1), tags.get(i))) {
                    noted++;
                    String where = lines ? file + "#" + (sources.get(r).number() + i) : rows.get(r).where();
                    report.note("a tag that continues no entity (" + scheme + ")", new RowReport.Sample(where, "'" + tags.get(i) + "' of word " + (i + 1) + ", '"
                            + rows.get(r).words().get(i) + "', after '" + (i == 0 ? "the sentence's start" : tags.get(i - 1)) + "'", ""));
                }
            }
        }
    }
}
