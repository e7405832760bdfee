package dev.zhulong.serve;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.serve.EncoderTexts.Read;
import dev.zhulong.text.encode.EncodedText;
import dev.zhulong.text.tags.EntitySpan;
import dev.zhulong.text.tags.TagScheme;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A text, the label of each of its words, and the entities that the labels spell. A word has the label of its first token, as in training; an entity
 * that breaks the scheme of the labels is none (strict), and its probability is the mean of its words'. Places are in characters (code points).
 */
record TagLabelling(Head.Tags head, String text, Read read) implements Labelling {
    private record Word(int from, int to, String label, double probability) {}

    @Override
    public List<EncodedText> pieces() {
        return List.of(read.tokens());
    }

    @Override
    public boolean cut() {
        return read.cut();
    }

    @Override
    public void answer(List<float[]> logits, ObjectNode entry) {
        List<Word> words = words(logits.getFirst());
        entry.put("object", "tags");
        // plain classes, such as parts of speech, spell no entities
        Optional<TagScheme> scheme = TagScheme.of(head.labels().stream().map(List::of).toList());
        ArrayNode entities = entry.putArray("entities");
        scheme.ifPresent(known -> known.entities(words.stream().map(Word::label).toList()).forEach(entity -> add(entity, words, entities)));
        ArrayNode tokens = entry.putArray("tokens");
        words.forEach(word -> place(tokens.addObject(), word.from, word.to).put("label", word.label).put("probability", word.probability));
    }

    private void add(EntitySpan entity, List<Word> words, ArrayNode entities) {
        double probability = words.subList(entity.from(), entity.to() + 1).stream().mapToDouble(Word::probability).average().orElseThrow();
        place(entities.addObject().put("type", entity.type()), words.get(entity.from()).from, words.get(entity.to()).to).put("probability", probability);
    }

    private List<Word> words(float[] logits) {
        EncodedText tokens = read.tokens();
        int labels = head.labels().size();
        List<Word> words = new ArrayList<>();
        for (int i = tokens.first(0), end = tokens.last(0) + 1; i < end;) {
            int next = i + 1;
            while (next < end && tokens.words()[next] == tokens.words()[i]) {
                next++;
            }
            double[] probabilities = Labelling.probabilities(logits, i * labels, labels);
            int best = 0;
            for (int label = 1; label < labels; label++) {
                best = logits[i * labels + label] > logits[i * labels + best] ? label : best;
            }
            words.add(new Word(tokens.from()[i], tokens.to()[next - 1], head.labels().get(best), probabilities[best]));
            i = next;
        }
        return words;
    }

    private ObjectNode place(ObjectNode node, int from, int to) {
        int start = from;
        while (start < to && Character.isWhitespace(text.charAt(start))) {
            start++;
        }
        return Characters.place(node.put("text", text.substring(start, to)), text, start, to);
    }
}
