//! Temporary files of the platform (wecom-api MD-1 to MD-5). NOT the archive's media, which come through the library.
//!
//! Must not know: where files are kept.

use super::super::{declare::endpoints, row::per_day};

endpoints! {
    /// Uploads a file: image 10 MB, voice 2 MB and 60 s of AMR, video 10 MB of MP4, file 20 MB, each above 5 bytes. Kept
    /// 3 days, for all apps of the company. Codes: 45001 too large, 45007 voice too long.
    "MD-1" media_upload MediaUpload B "90253" "上传临时素材"
    POST "/cgi-bin/media/upload?type=image|voice|video|file" [upload()]
    {
        /// `image`, `voice`, `video` or `file`; goes into the address.
        kind = "type": String,
    }
    => UploadedMedia {
        kind = "type": String,
        media_id: String,
        /// Seconds; a text on the wire.
        created_at: i64,
    }

    /// Uploads a picture of 5 bytes to 2 MB for good; 1000 a day, 3000 a month.
    "MD-2" media_upload_image MediaUploadImage C "90256" "上传图片"
    POST "/cgi-bin/media/uploadimg" [upload() limits(&[per_day(1000)])]
    {}
    => UploadedImage {
        /// Shows inside WeCom only.
        url: String,
    }

    /// Downloads a file; above 20 MB only in ranges (830002). Code: 40007 gone.
    "MD-3" media_get MediaGet B "90254" "获取临时素材"
    GET "/cgi-bin/media/get" [binary() repeatable() parallel(4)]
    { media_id: String }
    => NoJson {}

    /// Downloads what the JS SDK recorded: speex, 16 kHz.
    "MD-4" media_get_hd_voice MediaGetHdVoice C "90255" "获取高清语音素材"
    GET "/cgi-bin/media/get/jssdk" [binary() repeatable() parallel(4)]
    { media_id: String }
    => NoJson

    /// Has the platform fetch a file. Codes: 830001 address, 830003 fetch failed.
    "MD-5" media_upload_by_url MediaUploadByUrl C "96219" "生成异步上传任务"
    POST "/cgi-bin/media/upload_by_url" []
    {
        scene: i64,
        /// As [`MediaUpload::kind`].
        kind = "type": String,
        filename: String,
        url: String,
        /// Of the file.
        md5: String,
    }
    => UploadJob { jobid: String }
}
