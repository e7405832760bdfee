package dev.zhulong.infer.picture;

import dev.zhulong.formats.EncoderSpec.Head;
import dev.zhulong.formats.EncoderSpec.Problem;
import dev.zhulong.media.processor.PreparedPicture;
import java.util.HashSet;
import java.util.List;

/** The classes of pictures: those of a network's head, or those that texts name (zero-shot, Radford et al. 2021). */
public final class PictureClassifier {
    private final PictureModel model;
    private final List<String> labels;
    /** Vectors of the labels' texts; null for the classes of the head. */
    private final List<float[]> texts;
    private final boolean each;

    private PictureClassifier(PictureModel model, List<String> labels, List<float[]> texts, boolean each) {
        this.model = model;
        this.labels = labels;
        this.texts = texts;
        this.each = each;
    }

    /**
     * By the network's head.
     *
     * @throws IllegalArgumentException where it has none; says what to do
     */
    public static PictureClassifier byHead(PictureModel model) {
        if (!(model.spec().head() instanceof Head.Classes classes)) {
            throw new IllegalArgumentException(model.spec().texts().isPresent() ? "a " + model.spec().family().modelType() + " has no classes of its own: name some (--labels)"
                    : "this " + model.spec().family().modelType() + " has no head of classes; name the directory of one that was trained to classify, or a clip or a siglip with --labels");
        }
        if (classes.problem() == Problem.REGRESSION) {
            throw new IllegalArgumentException("the head of this model gives a number and no class");
        }
        return new PictureClassifier(model, classes.labels(), null, classes.problem() == Problem.MULTI_LABEL);
    }

    /**
     * By texts.
     *
     * @param labels of the classes, each another
     * @param prompt text of a class, with {@code {}} where its label stands
     * @throws IllegalArgumentException where the network reads no texts, or labels or prompt are wrong
     */
    public static PictureClassifier byTexts(PictureModel model, List<String> labels, String prompt) {
        if (labels.isEmpty() || labels.stream().anyMatch(String::isBlank) || new HashSet<>(labels).size() < labels.size()) {
            throw new IllegalArgumentException("expected labels that differ, found " + labels);
        }
        if (!prompt.contains("{}")) {
            throw new IllegalArgumentException("the text of a class has {} where its label stands, and '" + prompt + "' has none");
        }
        List<float[]> texts = labels.stream().map(label -> model.vector(prompt.replace("{}", label))).toList();
        return new PictureClassifier(model, List.copyOf(labels), texts, model.spec().texts().orElseThrow().sigmoid());
    }

    /** Names of the classes, in the order of probabilities. */
    public List<String> labels() {
        return labels;
    }

    /** Whether each class has a probability of its own, so that they do not sum to one. */
    public boolean judgesEach() {
        return each;
    }

    /** Probabilities of each class for each picture. */
    public List<double[]> probabilities(List<PreparedPicture> pictures) {
        List<float[]> logits = texts == null ? model.logits(pictures) : model.vectors(pictures).stream().map(vector -> model.similarities(vector, texts)).toList();
        return logits.stream().map(each ? PictureClassifier::sigmoid : PictureClassifier::softmax).toList();
    }

    private static double[] sigmoid(float[] logits) {
        double[] p = new double[logits.length];
        for (int i = 0; i < p.length; i++) {
            p[i] = 1 / (1 + Math.exp(-logits[i]));
        }
        return p;
    }

    private static double[] softmax(float[] logits) {
        double most = Double.NEGATIVE_INFINITY;
        for (float logit : logits) {
            most = Math.max(most, logit);
        }
        double[] p = new double[logits.length];
        double sum = 0;
        for (int i = 0; i < p.length; i++) {
            p[i] = Math.exp(logits[i] - most);
            sum += p[i];
        }
        for (int i = 0; i < p.length; i++) {
            p[i] /= sum;
        }
        return p;
    }
}
