package dev.zhulong.evaluate.task;

import dev.zhulong.formats.yaml.Doc;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A task as its YAML file says. Exactly one of {@code perplexity}, {@code choice}, {@code generate} and {@code pairs} is given, and is what
 * the model has to do with each row. Texts are Jinja templates over the row's fields ({@code row} is the whole row, {@code file} the file's
 * name without its ending).
 */
public record TaskSpec(
        @Doc("what reports call it") String name,
        @Doc("one line about it") String description,
        @Doc("the rows") Data data,
        @Doc("solved rows shown before each question") Shots shots,
        @Doc("how well the model predicts a text") Optional<Text> perplexity,
        @Doc("which of several answers the model finds likeliest") Optional<Choice> choice,
        @Doc("what the model writes") Optional<Generate> generate,
        @Doc("which of two sentences the model finds likelier") Optional<Pairs> pairs) {

    /** The rows. */
    public record Data(
            @Doc("files of rows, directories of such files, or patterns (test/*.csv); relative to --task-data, else to the task's file")
            List<String> files,
            @Doc("whether CSV and TSV begin with the names of their columns; without, these are row['1'], row['2'], ...") boolean header,
            @Doc("a subject or the like, scored on its own besides the whole; a template; empty for none") String group) {
        static Data defaults() {
            return new Data(List.of(), true, "");
        }
    }

    /** Solved rows shown before each question. */
    public record Shots(
            @Doc("how many") int count,
            @Doc("where they come from; empty for the task's own rows, the one asked always left out") List<String> files,
            @Doc("a shot's group; only those of the question's own are shown; a template; empty for the data's") String group,
            @Doc("first: the first rows of the file; random: drawn anew for each question, by the seed") Order order,
            @Doc("of the draws") long seed,
            @Doc("between one and the next") String separator) {
        /** Which shots are shown. */
        public enum Order { FIRST, RANDOM }

        public Shots {
            if (count < 0) {
                throw new IllegalArgumentException("shots.count must not be negative, found " + count);
            }
        }

        static Shots defaults() {
            return new Shots(0, List.of(), "", Order.FIRST, 1, "\n\n");
        }

        Shots withCount(int other) {
            return new Shots(other, files, group, order, seed, separator);
        }
    }

    /** How well the model predicts a text. */
    public record Text(
            @Doc("the document; a template") String text,
            @Doc("changes to the text before it is scored; words and bytes are counted before them") List<Replacement> replace,
            @Doc("most tokens read at once; 0 for the model's context") int window,
            @Doc("tokens from one window's start to the next; 0 for the window") int stride) {
        static Text defaults() {
            return new Text("{{ text }}", List.of(), 0, 0);
        }
    }

    /** A regular expression (Java's) and what takes the place of each match. */
    public record Replacement(@Doc("what is looked for") String pattern, @Doc("what takes its place; $1 is the first group") String with) {
        public Replacement {
            with = with == null ? "" : with;
        }
    }

    /** Which of several answers the model finds likeliest. */
    public record Choice(
            @Doc("the question as the model reads it; a template") String context,
            @Doc("the answers; templates") List<String> choices,
            @Doc("instead of choices: the row's field that lists them (choices.text)") String choicesIn,
            @Doc("the right one; a template") String answer,
            @Doc("how answer names it: text, letter (A, B, ...), index (from 0) or number (from 1)") AnswerForm answerIs,
            @Doc("between context and answer; not used in a chat") String delimiter,
            @Doc("whether the context goes through the model's chat template") boolean chat,
            @Doc("acc: the likeliest; acc_norm: the likeliest by byte; classification: F1 of the answers as classes") List<String> metrics) {
        /** How the right answer is named. */
        public enum AnswerForm { TEXT, LETTER, INDEX, NUMBER }

        static Choice defaults() {
            return new Choice("", List.of(), "", "", AnswerForm.TEXT, " ", false, List.of("acc", "acc_norm"));
        }
    }

    /** What the model writes. */
    public record Generate(
            @Doc("the question as the model reads it; a template") String prompt,
            @Doc("what it should write; a template") String reference,
            @Doc("instead of reference: the row's field that lists several, the best of which counts (answers.text)") String referencesIn,
            @Doc("between a shot's question and its answer; not used in a chat") String delimiter,
            @Doc("most tokens it may write") int maxNewTokens,
            @Doc("texts that end the answer") List<String> stop,
            @Doc("whether the prompt goes through the model's chat template") boolean chat,
            @Doc("what of the answer counts: the first of these that matches; empty for all of it") List<Extract> extract,
            @Doc("what of the reference counts, likewise") List<Extract> extractReference,
            @Doc("regular expressions whose matches are taken out of both") List<String> remove,
            @Doc("whether both are numbers, equal by value: $1,250.00 is 1250; what is no number stays text") boolean numbers,
            @Doc("as zhulong score calls them: bleu, chrf, chrf++, ter, rouge, exact, squad, cmrc, classification, ner, entities") List<String> metrics,
            @Doc("BLEU's tokens: 13a, intl, zh, char, none") String tokenize,
            @Doc("ROUGE reads Chinese, Japanese and Korean characters one by one") boolean chinese) {
        public Generate {
            if (maxNewTokens < 1) {
                throw new IllegalArgumentException("generate.max_new_tokens must be at least 1, found " + maxNewTokens);
            }
        }

        static Generate defaults() {
            return new Generate("", "", "", " ", 128, List.of(), false, List.of(), List.of(), List.of(), false, List.of("exact"), "13a", false);
        }
    }

    /** A part of a text, by a regular expression (Java's): its first group, or all of the match where it has none. */
    public record Extract(@Doc("what is looked for") String pattern, @Doc("first or last match") Which which) {
        /** Of several matches. */
        public enum Which { FIRST, LAST }

        static Extract defaults() {
            return new Extract("", Which.FIRST);
        }
    }

    /** Which of two sentences the model finds likelier, as CrowS-Pairs asks (Nangia et al. 2020). */
    public record Pairs(
            @Doc("the sentence that says the prejudice; a template") String more,
            @Doc("the one that does not; a template") String less) {}

    public TaskSpec {
        if (name == null || !name.matches("[\\p{L}\\p{N}._-]+")) {
            throw new IllegalArgumentException("name must be letters, digits, '.', '_' and '-', found " + (name == null ? "nothing" : "'" + name + "'"));
        }
        long kinds = Stream.of(perplexity, choice, generate, pairs).filter(Optional::isPresent).count();
        if (kinds != 1) {
            throw new IllegalArgumentException("task '" + name + "' must have exactly one of the sections perplexity, choice, generate and pairs,"
                    + " found " + kinds);
        }
        if (data.files().isEmpty()) {
            throw new IllegalArgumentException("task '" + name + "' names no rows: give data.files");
        }
        if (shots.count() > 0 && (perplexity.isPresent() || pairs.isPresent())) {
            throw new IllegalArgumentException("task '" + name + "' asks no question that shots could precede: leave shots out");
        }
        choice.ifPresent(c -> {
            if (c.choices().isEmpty() == c.choicesIn().isEmpty()) {
                throw new IllegalArgumentException("choice needs either choices or choices_in");
            }
            if (c.metrics().isEmpty()) {
                throw new IllegalArgumentException("choice.metrics names no metric");
            }
            c.metrics().stream().filter(m -> !List.of("acc", "acc_norm", "classification").contains(m)).findFirst().ifPresent(m -> {
                throw new IllegalArgumentException("unknown metric '" + m + "' of a choice; there are acc, acc_norm, classification");
            });
        });
        generate.ifPresent(g -> {
            if (g.reference().isEmpty() == g.referencesIn().isEmpty()) {
                throw new IllegalArgumentException("generate needs either reference or references_in");
            }
            if (g.metrics().isEmpty()) {
                throw new IllegalArgumentException("generate.metrics names no metric");
            }
            for (List<String> same : List.of(List.of("exact", "squad", "cmrc"), List.of("classification", "ner", "entities"))) {
                if (g.metrics().stream().filter(same::contains).count() > 1) {
                    throw new IllegalArgumentException("generate.metrics " + g.metrics() + ": of " + String.join(", ", same)
                            + " only one at a time, for their numbers have the same names; make it two tasks");
                }
            }
        });
    }

    /** With another number of shots. */
    public TaskSpec withShots(int count) {
        return new TaskSpec(name, description, data, shots.withCount(count), perplexity, choice, generate, pairs);
    }

}
