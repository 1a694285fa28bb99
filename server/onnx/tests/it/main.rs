//! The test bed: models that scikit-learn, LightGBM and XGBoost trained, each with the answers of its trainer.
#![expect(clippy::unwrap_used, reason = "a test bed that cannot be read must fail")]

mod bed;
mod damage;
mod models;
mod operators;
mod rows;
