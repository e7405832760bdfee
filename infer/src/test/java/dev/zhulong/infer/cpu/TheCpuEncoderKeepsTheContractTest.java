package dev.zhulong.infer.cpu;

import dev.zhulong.formats.ModelDirectory;
import dev.zhulong.infer.EncoderContract;
import java.nio.file.Path;
import java.util.Optional;

class TheCpuEncoderKeepsTheContractTest extends EncoderContract<CpuEncoder> {
    @Override
    protected CpuEncoder open(Path directory) {
        try (ModelDirectory files = ModelDirectory.open(directory)) {
            return CpuEncoder.load(files, Optional.empty(), 2);
        }
    }
}
