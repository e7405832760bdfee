package dev.zhulong.infer.search;

import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.infer.TinyEncoderDecoder;
import dev.zhulong.infer.cpu.CpuEncoderDecoder;
import dev.zhulong.infer.cpu.CpuOptions;
import dev.zhulong.kernels.KvPages;
import dev.zhulong.model.EncoderDecoder;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.io.TempDir;

class ContinuationsKeepTheContractTest {
    @TempDir
    Path directory;

    @Nested
    class OnLibtorch extends ContinuationContract {
        private EncoderDecoder model;

        @Override
        protected Continuations open() {
            model = TinyEncoderDecoder.random("bart", 5);
            return Continuations.of(model);
        }

        @Override
        protected void free() {
            model.close();
        }
    }

    abstract class OnTheCpuEngine extends ContinuationContract {
        private CpuEncoderDecoder model;

        abstract String family();

        @Override
        protected Continuations open() {
            TinyEncoderDecoder.write(family(), 5, directory);
            try (ModelDirectory files = ModelDirectory.open(directory)) {
                model = CpuEncoderDecoder.load(files, Optional.empty(), CpuOptions.of(2).withCache(KvPages.Format.F32));
            }
            return Continuations.of(model);
        }

        @Override
        protected void free() {
            model.close();
        }
    }

    @Nested
    class OfT5 extends OnTheCpuEngine {
        @Override
        String family() {
            return "t5";
        }
    }

    @Nested
    class OfMarian extends OnTheCpuEngine {
        @Override
        String family() {
            return "marian";
        }
    }
}
