package dev.zhulong.recipe;

import dev.zhulong.formats.AtomicFile;
import dev.zhulong.formats.DecoderSpec;
import dev.zhulong.formats.GenerationConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;

/** The {@code generation_config.json} of a model that was made from another, or from nothing. */
final class GenerationFile {
    private GenerationFile() {}

    /**
     * Writes it into {@code directory}: the base's advice, if there is any, and as ends of a sequence the base's own and {@code learnt}.
     *
     * @param base   the directory of the model it was made from
     * @param spec   whose ends count where the base's advice names none
     * @param learnt ids that end what it was trained on
     */
    static void write(Optional<Path> base, DecoderSpec spec, Collection<Integer> learnt, Path directory) {
        Optional<Path> advice = base.map(from -> from.resolve(GenerationConfig.FILE)).filter(Files::isRegularFile);
        List<Integer> own = base.map(GenerationConfig::eosIdsIn).filter(ids -> !ids.isEmpty()).orElse(spec.eosIds());
        var all = new LinkedHashSet<>(own);
        all.addAll(learnt);
        List<Integer> ends = List.copyOf(all);
        AtomicFile.writeString(directory.resolve(GenerationConfig.FILE), advice.map(file -> GenerationConfig.withEosIds(file, ends))
                .orElseGet(() -> GenerationConfig.of(spec.bosId(), ends).toJson()));
    }
}
