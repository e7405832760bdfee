package dev.zhulong.infer;

import java.nio.file.Path;

class TheTorchEncoderKeepsTheContractTest extends EncoderContract<TorchEncoder> {
    @Override
    protected TorchEncoder open(Path directory) {
        return TorchEncoder.load(directory);
    }
}
