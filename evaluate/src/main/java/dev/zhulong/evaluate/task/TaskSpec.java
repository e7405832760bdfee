package dev.zhulong.evaluate.task;

import dev.zhulong.formats.ContentHash;
import dev.zhulong.formats.Extension;
import dev.zhulong.formats.yaml.Doc;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.stream.Stream;

/**
 * A task as its YAML file says. Exactly one of {@code perplexity}, {@code choice}, {@code generate}, {@code code}, {@code pairs} and {@code scorer} is
 * given, and is what the model has to do with each row. Texts are Jinja templates over the row's fields ({@code row} is the whole row, {@code file} the file's
 * name without its ending).
 */
public record TaskSpec(
        @Doc("name of the task in reports") String name,
        @Doc("description of the task in one line") String description,
        @Doc("where the rows come from") Data data,
        @Doc("solved rows shown before each question") Shots shots,
        @Doc("task kind: how well the model predicts a text") Optional<Text> perplexity,
        @Doc("task kind: which of several answers the model finds most likely") Optional<Choice> choice,
        @Doc("task kind: what the model writes") Optional<Generate> generate,
        @Doc("task kind: Java that the model writes, compiled and run against a test") Optional<Code> code,
        @Doc("task kind: which of two sentences the model finds more likely") Optional<Pairs> pairs,
        @Doc("task kind: a scorer that a jar on the class path adds (docs/extending.md)") Optional<Added> scorer) {

    /** The rows. */
    public record Data(
            @Doc("files of rows, directories of such files, or patterns (test/*.csv); relative to --task-data, else to the task's file")
            List<String> files,
            @Doc("whether CSV and TSV files begin with their column names; if not, the columns are row['1'], row['2'], ...") boolean header,
            @Doc("template for a group such as the subject; each group also gets its own score; empty for none") String group) {
        static Data defaults() {
            return new Data(List.of(), true, "");
        }
    }

    /** Solved rows shown before each question. */
    public record Shots(
            @Doc("number of solved rows") int count,
            @Doc("files of solved rows; empty uses the task's own rows, but never the question itself") List<String> files,
            @Doc("template for a shot's group; only shots of the question's group are shown; empty uses data.group") String group,
            @Doc("first: the first rows of the file; random: drawn separately for each question, from the seed") Order order,
            @Doc("random seed for order: random") long seed,
            @Doc("text between two shots") String separator) {
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
            @Doc("template for the document") String text,
            @Doc("changes to the text before it is scored; words and bytes are counted before the changes") List<Replacement> replace,
            @Doc("maximum number of tokens read at once; 0 for the model's context") int window,
            @Doc("tokens from the start of one window to the start of the next; 0 for the size of the window") int stride) implements Measure {
        static Text defaults() {
            return new Text("{{ text }}", List.of(), 0, 0);
        }

        @Override
        public Scorer scorer(TaskSpec task, TaskData data, Subject subject) {
            return new PerplexityScorer(task, this, subject);
        }
    }

    /** A regular expression (Java's) and what takes the place of each match. */
    public record Replacement(@Doc("regular expression to search for") String pattern, @Doc("replacement for each match; $1 is the first group") String with) {
        public Replacement {
            with = with == null ? "" : with;
        }
    }

    /** Which of several answers the model finds likeliest. */
    public record Choice(
            @Doc("template for the question as the model reads it") String context,
            @Doc("templates for the answers") List<String> choices,
            @Doc("instead of choices: the row's field that lists the answers (choices.text)") String choicesIn,
            @Doc("template for the right answer") String answer,
            @Doc("how answer names the right choice: text, letter (A, B, ...), index (from 0) or number (from 1)") AnswerForm answerIs,
            @Doc("text between context and answer; not used in a chat") String delimiter,
            @Doc("whether the context goes through the model's chat template") boolean chat,
            @Doc("acc: the most likely answer; acc_norm: the most likely per byte; classification: F1 of the answers as classes") List<String> metrics)
            implements Measure {
        /** How the right answer is named. */
        public enum AnswerForm { TEXT, LETTER, INDEX, NUMBER }

        static Choice defaults() {
            return new Choice("", List.of(), "", "", AnswerForm.TEXT, " ", false, List.of("acc", "acc_norm"));
        }

        @Override
        public Scorer scorer(TaskSpec task, TaskData data, Subject subject) {
            return new ChoiceScorer(task, this, data, subject);
        }

        @Override
        public boolean asks() {
            return true;
        }

        @Override
        public void check() {
            if (choices.isEmpty() == choicesIn.isEmpty()) {
                throw new IllegalArgumentException("choice needs either choices or choices_in");
            }
            if (metrics.isEmpty()) {
                throw new IllegalArgumentException("choice.metrics names no metric");
            }
            metrics.stream().filter(m -> !List.of("acc", "acc_norm", "classification").contains(m)).findFirst().ifPresent(m -> {
                throw new IllegalArgumentException("unknown metric '" + m + "' for choice; expected acc, acc_norm or classification");
            });
        }
    }

    /** What the model writes. */
    public record Generate(
            @Doc("template for the question as the model reads it") String prompt,
            @Doc("template for the expected answer") String reference,
            @Doc("instead of reference: the row's field that lists several references; the best match counts (answers.text)") String referencesIn,
            @Doc("text between a shot's question and its answer; not used in a chat") String delimiter,
            @Doc("maximum number of tokens to generate") int maxNewTokens,
            @Doc("texts that end the answer") List<String> stop,
            @Doc("whether the prompt goes through the model's chat template") boolean chat,
            @Doc("patterns for the part of the answer that counts; the first that matches is used; empty for the whole answer") List<Extract> extract,
            @Doc("patterns for the part of the reference that counts, used in the same way") List<Extract> extractReference,
            @Doc("regular expressions whose matches are removed from answer and reference") List<String> remove,
            @Doc("whether to compare numbers by value: $1,250.00 equals 1250; anything else is compared as text") boolean numbers,
            @Doc("metrics of zhulong score: bleu, chrf, chrf++, ter, rouge, exact, squad, cmrc, classification, ner, ner_strict, entities") List<String> metrics,
            @Doc("BLEU's tokens: 13a, intl, zh, char, none") String tokenize,
            @Doc("whether ROUGE treats each Chinese, Japanese and Korean character as a word") boolean chinese) implements Measure {
        public Generate {
            if (maxNewTokens < 1) {
                throw new IllegalArgumentException("generate.max_new_tokens must be at least 1, found " + maxNewTokens);
            }
        }

        static Generate defaults() {
            return new Generate("", "", "", " ", 128, List.of(), false, List.of(), List.of(), List.of(), false, List.of("exact"), "13a", false);
        }

        @Override
        public Scorer scorer(TaskSpec task, TaskData data, Subject subject) {
            return new GenerateScorer(task, this, data, subject);
        }

        @Override
        public boolean asks() {
            return true;
        }

        @Override
        public void check() {
            if (reference.isEmpty() == referencesIn.isEmpty()) {
                throw new IllegalArgumentException("generate needs either reference or references_in");
            }
            if (metrics.isEmpty()) {
                throw new IllegalArgumentException("generate.metrics names no metric");
            }
            for (List<String> same : List.of(List.of("exact", "squad", "cmrc"), List.of("classification", "ner", "ner_strict", "entities"))) {
                if (metrics.stream().filter(same::contains).count() > 1) {
                    throw new IllegalArgumentException("generate.metrics " + metrics + ": give only one of " + String.join(", ", same)
                            + ", because their numbers have the same names; make two tasks");
                }
            }
        }
    }

    /** Java that the model writes. */
    public record Code(
            @Doc("template for the beginning of the code: imports, and a class with a method whose body is open; the model goes on from there") String prompt,
            @Doc("template for the source of a class with a main method that throws where the solution is wrong") String test,
            @Doc("solutions of each problem") int samples,
            @Doc("the k of pass@k: the chance that one of k solutions is right; at most samples") List<Integer> k,
            @Doc("temperature; 0 takes the most likely token every time") double temperature,
            @Doc("smallest probability that the most likely tokens drawn from reach together") double topP,
            @Doc("random seed of the solutions") long seed,
            @Doc("maximum number of tokens to generate") int maxNewTokens,
            @Doc("texts that end the answer") List<String> stop,
            @Doc("whether the prompt goes through the model's chat template") boolean chat,
            @Doc("text before the prompt in a chat") String instruction,
            @Doc("seconds that a solution may run") int seconds,
            @Doc("heap of a solution's JVM in MB") int memoryMb) implements Measure {
        static Code defaults() {
            return new Code("", "", 1, List.of(1), 0, 0.95, 1, 384, List.of(), false, "Complete this Java class. Answer with the whole class in one block of code.\n\n",
                    10, 256);
        }

        @Override
        public Scorer scorer(TaskSpec task, TaskData data, Subject subject) {
            return new CodeScorer(task, this, subject);
        }

        @Override
        public void check() {
            if (prompt.isEmpty() || test.isEmpty()) {
                throw new IllegalArgumentException("code needs prompt and test");
            }
            if (k.isEmpty() || samples < 1 || k.stream().anyMatch(one -> one < 1 || one > samples)) {
                throw new IllegalArgumentException("code.k must be numbers from 1 to samples, found " + k + " and " + samples);
            }
            if (samples > 1 && temperature == 0) {
                throw new IllegalArgumentException("code.samples of " + samples + " would all be the same: give a temperature above 0");
            }
        }
    }

    /** A part of a text, by a regular expression (Java's): its first group, or all of the match where it has none. */
    public record Extract(@Doc("regular expression to search for") String pattern, @Doc("whether to use the first or the last match") Which which) {
        /** Of several matches. */
        public enum Which { FIRST, LAST }

        static Extract defaults() {
            return new Extract("", Which.FIRST);
        }
    }

    /** Which of two sentences the model finds likelier, as CrowS-Pairs asks (Nangia et al. 2020). */
    public record Pairs(
            @Doc("template for the sentence that expresses the prejudice") String more,
            @Doc("template for the sentence that does not") String less) implements Measure {
        @Override
        public Scorer scorer(TaskSpec task, TaskData data, Subject subject) {
            return new PairsScorer(task, this, subject);
        }
    }

    /** A scorer that a jar on the class path adds. */
    public record Added(
            @Doc("name of the scorer") String name,
            @Doc("its settings, which its author documents; texts") Map<String, String> settings) implements Measure {
        static Added defaults() {
            return new Added(null, Map.of());
        }

        /**
         * All that jars on the class path add, by name.
         *
         * @throws IllegalStateException where one cannot be used; the message names its class and its jar
         */
        public static SortedMap<String, Extension<ScorerProvider>> all() {
            return AddedScorer.all(TaskSpec.class.getClassLoader());
        }

        private Extension<ScorerProvider> found() {
            SortedMap<String, Extension<ScorerProvider>> all = all();
            if (name == null || !all.containsKey(name)) {
                throw new IllegalArgumentException((name == null ? "scorer needs a name" : "unknown scorer '" + name + "'") + "; the class path has "
                        + (all.isEmpty() ? "none: name the scorer's jar in ZHULONG_CLASSPATH" : String.join(", ", all.keySet())));
            }
            return all.get(name);
        }

        /** Of the jar that it comes from: what it keeps of a row depends on its code. */
        String hash() {
            return ContentHash.of(found().place()).sha256();
        }

        @Override
        public Scorer scorer(TaskSpec task, TaskData data, Subject subject) {
            return new AddedScorer(found(), this, task, data, subject);
        }

        @Override
        public boolean asks() {
            return found().provider().asks();
        }

        @Override
        public void check() {
            found();
        }
    }

    public TaskSpec {
        if (name == null || !name.matches("[\\p{L}\\p{N}._-]+")) {
            throw new IllegalArgumentException("name must be letters, digits, '.', '_' and '-', found " + (name == null ? "nothing" : "'" + name + "'"));
        }
        List<Measure> given = given(perplexity, choice, generate, code, pairs, scorer);
        if (given.size() != 1) {
            throw new IllegalArgumentException("task '" + name + "' must have exactly one of the sections perplexity, choice, generate, code, pairs and scorer,"
                    + " found " + given.size());
        }
        if (data.files().isEmpty()) {
            throw new IllegalArgumentException("task '" + name + "' names no rows: give data.files");
        }
        if (shots.count() > 0 && !given.getFirst().asks()) {
            throw new IllegalArgumentException("task '" + name + "' has no question for shots to precede: leave shots out");
        }
        given.getFirst().check();
    }

    /** The section that is given. */
    public Measure measure() {
        return given(perplexity, choice, generate, code, pairs, scorer).getFirst();
    }

    private static List<Measure> given(Optional<Text> perplexity, Optional<Choice> choice, Optional<Generate> generate, Optional<Code> code,
            Optional<Pairs> pairs, Optional<Added> scorer) {
        return Stream.<Optional<? extends Measure>>of(perplexity, choice, generate, code, pairs, scorer).<Measure>flatMap(Optional::stream).toList();
    }

    /** With another number of shots. */
    public TaskSpec withShots(int count) {
        return new TaskSpec(name, description, data, shots.withCount(count), perplexity, choice, generate, code, pairs, scorer);
    }
}
