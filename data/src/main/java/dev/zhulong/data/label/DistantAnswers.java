package dev.zhulong.data.label;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.AtomicFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Questions whose evidence lies a given number of sentences away: for measuring how far a model reaches. A text is a list of facts about people, each a sentence of the
 * same shape, and a question, which stands before the text, is about one of the people; the answer is what the text says of them. The evidence lies {@code d} sentences away
 * where it is the text's {@code d}-th sentence.
 *
 * <p>No person and no value occurs twice in a text, so there is one answer, in one place. Each pair of a person and a value belongs to one side: texts that are held out
 * have no pair that a text to train on has, be it asked for or not, so an answer cannot be known from training. Every sentence has {@link #TOKENS} words and signs, every
 * question as many.
 */
public final class DistantAnswers {
    /** Words and signs of a sentence, and of a question. */
    public static final int TOKENS = 5;
    /** Sentences of a text at most: there are names for no more. */
    public static final int MOST = 80;
    private static final String AT = "at-";
    /** Of all pairs of a person and a value, those held out are one in so many. */
    private static final int SHARE = 4;

    private static final String[] PEOPLE = ("Ada Adam Alma Amos Anna Arne Bea Ben Bert Carl Cleo Cora Dan Dina Dora Edda Edgar Ella Emil Enid Erik Esra Eva Ezra Fay Felix "
            + "Finn Flora Frank Fred Gina Glen Greta Gus Hana Hans Heidi Henry Hugo Ida Igor Ines Ira Iris Ivan Ivy Jack Jana Jill Jonas Judy Karl Kate Kim Kira Kurt Lara Lars "
            + "Lea Leo Lily Lola Lucy Luis Mara Mark Max Mia Mila Milo Mona Nadia Nell Nico Nina Noah Nora Olga Omar Oscar Otto Paul Petra Quinn Rita Rosa Ruth Sam Sara Sven "
            + "Tara Tim Tom Uma Vera Walt").split(" ");

    private static final String QUESTION = "Who is this %s?";

    /** What a fact says of a person. */
    private enum Kind {
        PLACE("%s lives in %s.", "Athens Basel Berlin Bonn Boston Bremen Brest Cairo Calais Cork Delhi Dover Dublin Essen Geneva Ghent Hanoi Kyoto Lagos Leeds Lima "
                + "Lisbon London Lyon Madrid Milan Munich Nairobi Naples Oslo Oxford Paris Porto Prague Quito Riga Rome Seoul Tokyo Turin Vienna Warsaw York Zurich"),
        THING("%s carries the %s.", "axe bag ball basket bell book bottle bow box broom brush bucket candle chair clock coat comb crown cup drum flag flute fork "
                + "globe hammer hat kite knife ladder lamp map mirror mug needle pen pillow ring rope saw spoon stone sword tent violin"),
        FOOD("%s always eats %s.", "apples bacon bananas barley beans beef bread butter cabbage cake carrots cheese cherries chips corn crab curry dates eggs figs fish "
                + "garlic grapes ham honey jam leeks lemons lentils melons nuts oats olives onions pasta peaches pears peas plums pork rice salad soup toast");

        final String fact;
        final String[] values;

        Kind(String fact, String values) {
            this.fact = fact;
            this.values = values.split(" ");
        }
    }

    private record Fact(int person, Kind kind, int value) {
        String sentence() {
            return kind.fact.formatted(PEOPLE[person], kind.values[value]);
        }
    }

    /**
     * A question with its text.
     *
     * @param distance of the evidence, in sentences, from 1
     * @param start    where the answer begins in the text
     */
    public record Row(String id, String question, String context, String answer, int start, int distance) {
        ObjectNode json() {
            ObjectNode json = new ObjectMapper().createObjectNode().put("id", id).put("distance", distance).put("question", question).put("context", context);
            json.putArray("answers").addObject().put("text", answer).put("answer_start", start);
            return json;
        }
    }

    private final long seed;

    /** @param seed decides everything */
    public DistantAnswers(long seed) {
        this.seed = seed;
    }

    /** Every word that occurs, in lower case, and the signs. */
    public static List<String> words() {
        Stream<String> shapes = Stream.concat(Stream.of(QUESTION), Arrays.stream(Kind.values()).map(kind -> kind.fact)).map(shape -> shape.replace("%s", ""));
        Stream<String> values = Arrays.stream(Kind.values()).flatMap(kind -> Arrays.stream(kind.values));
        return List.copyOf(Stream.of(shapes, values, Arrays.stream(PEOPLE)).flatMap(each -> each).flatMap(text -> Arrays.stream(text.replaceAll("([.?])", " $1 ").strip().split(" +")))
                .map(String::toLowerCase).collect(Collectors.toCollection(TreeSet::new)));
    }

    /** Rows to train on: texts of 2 to {@code sentences} sentences, as many of 2 to 4 as of 4 to 8 and of 8 to 16, with the evidence anywhere in them. */
    public List<Row> training(int count, int sentences) {
        require(sentences);
        var random = new SplittableRandom(seed);
        return Stream.iterate(0, i -> i + 1).limit(count).map(i -> {
            int length = Math.min(sentences, (int) (2 * Math.exp(random.nextDouble() * Math.log((sentences + 1) / 2.0))));
            return row("train-" + i, length, random.nextInt(1, length + 1), false, random);
        }).toList();
    }

    /** Rows to measure on: {@code each} for every distance, all in texts of {@code sentences} sentences. */
    public List<Row> heldOut(int each, int sentences, List<Integer> distances) {
        require(sentences);
        var random = new SplittableRandom(~seed);
        List<Row> rows = new ArrayList<>();
        for (int distance : distances) {
            if (distance < 1 || distance > sentences) {
                throw new IllegalArgumentException("evidence lies from 1 to " + sentences + " sentences away, as many as a text has; found " + distance);
            }
            for (int i = 0; i < each; i++) {
                rows.add(row(AT + distance + "-" + i, sentences, distance, true, random));
            }
        }
        return rows;
    }

    /** How far away the evidence lies of a question that is held out, by its {@code id}. */
    public static int distance(String id) {
        return Integer.parseInt(id.substring(AT.length(), id.lastIndexOf('-')));
    }

    private static void require(int sentences) {
        if (sentences < 1 || sentences > MOST) {
            throw new IllegalArgumentException("a text has from 1 to " + MOST + " sentences, found " + sentences);
        }
    }

    private Row row(String id, int sentences, int distance, boolean heldOut, SplittableRandom random) {
        List<Fact> facts = facts(sentences, heldOut, random);
        var context = new StringBuilder();
        int start = 0;
        for (int i = 0; i < sentences; i++) {
            context.append(i == 0 ? "" : " ");
            start = i == distance - 1 ? context.length() : start;
            context.append(facts.get(i).sentence());
        }
        Fact asked = facts.get(distance - 1);
        String answer = asked.sentence().replace(".", "");
        return new Row(id, QUESTION.formatted(PEOPLE[asked.person]), context.toString(), answer, start, distance);
    }

    /** Of other people each, and other values. */
    private List<Fact> facts(int count, boolean heldOut, SplittableRandom random) {
        List<Fact> facts = new ArrayList<>();
        var people = new TreeSet<Integer>();
        var values = new TreeSet<Integer>();
        while (facts.size() < count) {
            Kind kind = Kind.values()[random.nextInt(Kind.values().length)];
            var fact = new Fact(random.nextInt(PEOPLE.length), kind, random.nextInt(kind.values.length));
            int value = kind.ordinal() * 1000 + fact.value;
            if (isHeldOut(fact) == heldOut && !people.contains(fact.person) && !values.contains(value)) {
                facts.add(fact);
                people.add(fact.person);
                values.add(value);
            }
        }
        return facts;
    }

    private boolean isHeldOut(Fact fact) {
        long pair = (long) fact.person * 10_000 + fact.kind.ordinal() * 1000 + fact.value;
        return new SplittableRandom(seed * 0x9e3779b97f4a7c15L ^ pair).nextInt(SHARE) == 0;
    }

    /** Writes rows of SQuAD's fields ({@code id, question, context, answers}) and {@code distance}, as JSON Lines. */
    public static void write(Path file, List<Row> rows) {
        try {
            Files.createDirectories(file.toAbsolutePath().getParent());
        } catch (IOException e) {
            throw new UncheckedIOException(file + " cannot be written: " + e.getMessage(), e);
        }
        AtomicFile.writeString(file, rows.stream().map(row -> row.json().toString()).collect(Collectors.joining("\n", "", "\n")));
    }
}
