package dev.zhulong.recipe;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.zhulong.formats.EncoderSpec;
import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.formats.progress.Progress;
import dev.zhulong.model.Encoder;
import dev.zhulong.model.EncoderFiles;
import dev.zhulong.recipe.label.HeadExamples;
import dev.zhulong.recipe.label.HeadLogits;
import dev.zhulong.recipe.label.HeadScores;
import dev.zhulong.recipe.label.HeadTask;
import dev.zhulong.text.encode.EncoderTokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** Measures an encoder with a head on labelled rows. */
public final class LabelEvaluation {
    private LabelEvaluation() {}

    /**
     * Scores on all rows of some files, on the device whose scope is open.
     *
     * @param adapter directory of a LoRA adapter that is put into the weights, with its head; empty for none
     * @param seq   tokens of an input at most; 0 for the encoder's context, at most 512 (of questions 384)
     * @param batch inputs that are read together
     * @param said  is given each row with what was said of it, in their order
     * @throws IllegalArgumentException where model, task and rows do not go together; says what to do
     */
    public static HeadScores run(Path model, Optional<Path> adapter, HeadTask<?> task, List<Path> files, int seq, int batch, Progress progress, Consumer<ObjectNode> said) {
        return of(model, adapter, task, files, seq, batch, progress, said);
    }

    private static <T> HeadScores of(Path directory, Optional<Path> adapter, HeadTask<T> task, List<Path> files, int seq, int batch, Progress progress, Consumer<ObjectNode> said) {
        LabelJob.encoder(directory, task.kind());
        try (ModelDirectory opened = ModelDirectory.open(directory, adapter); EncoderTokenizer tokenizer = EncoderTokenizer.load(directory)) {
            EncoderSpec spec = (EncoderSpec) opened.network();
            if (seq > spec.contextLength()) {
                throw new IllegalArgumentException("inputs of " + seq + " tokens are longer than the model's context of " + spec.contextLength() + "; give at most "
                        + spec.contextLength());
            }
            List<String> notices = new ArrayList<>();
            List<T> rows = task.read(files, notices);
            notices.forEach(progress::message);
            HeadExamples examples = task.examples(rows, tokenizer, spec, seq > 0 ? seq : Math.min(spec.contextLength(), task.longest()));
            try (Encoder model = EncoderFiles.load(opened)) {
                return examples.score(HeadLogits.of(model, examples.rows(), batch), said);
            }
        }
    }
}
